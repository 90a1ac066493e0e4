"""Short forms of the widgets that nodes are made of."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

Widget = tuple[Any, dict[str, Any]]


def integer(default: int, low: int, high: int, tooltip: str) -> Widget:
    """A whole number."""
    return ("INT", {"default": default, "min": low, "max": high, "tooltip": tooltip})


def real(default: float, low: float, high: float, step: float, tooltip: str) -> Widget:
    """A number with a fraction; `step` is also what it is rounded to."""
    return ("FLOAT", {"default": default, "min": low, "max": high, "step": step, "round": step, "tooltip": tooltip})


def choice(options: Sequence[str], tooltip: str) -> Widget:
    """One of several words; the first is the default."""
    return (list(options), {"default": options[0], "tooltip": tooltip})


def switch(default: bool, tooltip: str) -> Widget:
    """Yes or no."""
    return ("BOOLEAN", {"default": default, "tooltip": tooltip})
