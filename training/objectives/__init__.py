"""What a network is trained for: one small objective per file, listed here."""

from __future__ import annotations

from dataclasses import fields

from ...imaging.level import DenoiseError
from .base import Objective
from .interpolation import Interpolation

OBJECTIVES: dict[str, type[Objective]] = {"interpolation": Interpolation}


def make_objective(name: str, options: dict) -> Objective:
    """The objective called `name`. Raises DenoiseError for an unknown name or option."""
    if name not in OBJECTIVES:
        raise DenoiseError(f"objective '{name}' is unknown; use one of {', '.join(OBJECTIVES)}.")
    kind = OBJECTIVES[name]
    known = {f.name for f in fields(kind)}  # type: ignore[arg-type]
    if set(options) - known:
        raise DenoiseError(f"objective '{name}' has no option '{min(set(options) - known)}'; it has {sorted(known)}.")
    return kind(**options)


__all__ = ["OBJECTIVES", "Objective", "make_objective"]
