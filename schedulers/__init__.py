"""Forward and reverse processes, one paper per file: pure functions on one immutable state, in plain torch."""
