"""Progress, cancellation and notes, passed down as plain callables so that no algorithm knows its host."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from torch import Tensor

OnProgress = Callable[[float, "Tensor | None"], None]


def _nothing() -> None:
    return None


@dataclass(frozen=True)
class Monitor:
    """What long work reports to, and asks whether it should stop.

    `advance(fraction, preview)` says how much of *this* work is done (0..1); `part(i, n)` hands the i-th of n equal
    shares to a callee, so that nested work adds up to one bar. `check()` raises the host's own exception when the
    user has cancelled. `note(name, value)` records a fact worth showing (sigma, tiles, precision); parts share it.
    """

    on_progress: OnProgress | None = None
    check_cancel: Callable[[], None] = _nothing
    notes: dict[str, object] = field(default_factory=dict)
    start: float = 0.0
    share: float = 1.0

    def check(self) -> None:
        """Raise the host's interruption if the user has cancelled."""
        self.check_cancel()

    def advance(self, fraction: float, preview: Tensor | None = None) -> None:
        """Report `fraction` (0..1) of this work as done; `preview` is a [B,C,H,W] picture in [0,1]."""
        self.check_cancel()
        if self.on_progress is not None:
            self.on_progress(self.start + self.share * fraction, preview)

    def part(self, index: int, count: int) -> Monitor:
        """The monitor of the `index`-th of `count` equal shares of this work."""
        return replace(self, start=self.start + self.share * index / count, share=self.share / count)

    def note(self, name: str, value: object) -> None:
        """Record a fact; a fact noted twice keeps its last value."""
        self.notes[name] = value
