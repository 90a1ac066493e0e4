"""Argparse types for numbers, which say what was meant when a number does not fit."""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable


def whole(low: int, high: int | None = None) -> Callable[[str], int]:
    """A type for whole numbers from low to high; None = without end."""
    meant = f"a whole number from {low} " + ("on" if high is None else f"to {high}")

    def parse(text: str) -> int:
        try:
            number = int(text)
        except ValueError:
            number = None
        if number is None or number < low or (high is not None and number > high):
            raise argparse.ArgumentTypeError(f"{text!r} is not {meant}")
        return number

    return parse


def real(low: float = -math.inf, high: float = math.inf, open_end: bool = False) -> Callable[[str], float]:
    """A type for finite numbers from low to high; open_end: smaller than high."""
    ends = f" to {'below ' if open_end else ''}{high:g}" if high < math.inf else " on"
    meant = f"a number from {low:g}{ends}" if low > -math.inf else "a finite number"

    def parse(text: str) -> float:
        try:
            number = float(text)
        except ValueError:
            number = math.nan
        if not (math.isfinite(number) and low <= number <= high) or (open_end and number == high):
            raise argparse.ArgumentTypeError(f"{text!r} is not {meant}")
        return number

    return parse


positive = whole(1)
natural = whole(0)
share = real(0, 1)
level = real(0, 255)
"""A noise level on the 0–255 scale."""
