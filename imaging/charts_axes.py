"""Numbers on axes: round tick values, how they are written, where they lie, and labels that keep apart."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

NICE_STEPS = (1, 2, 2.5, 5, 10)


@dataclass(frozen=True)
class Scale:
    """Maps values [low, high] to pixels [start, stop], linearly or by logarithm."""

    low: float
    high: float
    start: float
    stop: float
    log: bool = False

    def __call__(self, value: float) -> float:
        """The pixel of a value."""
        low, high, value = (math.log10(v) if self.log else v for v in (self.low, self.high, value))
        return self.start + (value - low) / (high - low) * (self.stop - self.start)

    def has(self, value: float) -> bool:
        """Whether a value can be drawn: finite, inside the range, and positive on a logarithmic axis."""
        slack = 1e-9 * (self.high - self.low)
        return math.isfinite(value) and self.low - slack <= value <= self.high + slack and (not self.log or value > 0)


def data_range(values: Sequence[float], log: bool = False, padding: float = 0.04) -> tuple[float, float]:
    """The range that shows all finite (on a logarithmic axis: positive) values, with some room at both ends.

    Raises:
        ValueError: there is no such value.
    """
    array = np.asarray(values, dtype=float)
    array = array[np.isfinite(array) & ((array > 0) | (not log))]
    if not array.size:
        raise ValueError("there is nothing to draw: no finite value" + (" above zero." if log else "."))
    low, high = float(array.min()), float(array.max())
    if log:
        low, high = math.log10(low), math.log10(high)
    if high - low < 1e-9 * max(1.0, abs(high)):
        room = 0.5 if log else max(abs(high) * 0.05, 0.5)
    else:
        room = padding * (high - low)
    low, high = low - room, high + room
    return (10**low, 10**high) if log else (low, high)


def ticks(low: float, high: float, count: int = 6, log: bool = False) -> list[float]:
    """About `count` round values inside [low, high]."""
    if log:
        marks = _log_ticks(low, high)
        if len(marks) >= 3:
            return marks[:: max(1, round(len(marks) / (count + 1)))]
    step = _nice_step((high - low) / max(1, count - 1))
    first = math.ceil(low / step - 1e-9)
    return [k * step for k in range(first, math.floor(high / step + 1e-9) + 1)]


def _nice_step(rough: float) -> float:
    power = 10 ** math.floor(math.log10(rough))
    steps = [step for step in NICE_STEPS if step != 2.5 or power != 1]  # 25 and 0.25 are round, 2.5 among ones is not
    return power * min(steps, key=lambda s: abs(math.log(s * power / rough)))


def _log_ticks(low: float, high: float) -> list[float]:
    """Powers of ten; with fewer than three of them also their 2- and 5-fold."""
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    for multiples in ((1,), (1, 2, 5)):
        marks = [m * 10.0**p for p in powers for m in multiples if low * (1 - 1e-9) <= m * 10.0**p <= high * (1 + 1e-9)]
        if len(marks) >= 3:
            break
    return marks


def tick_labels(values: Sequence[float]) -> list[str]:
    """All values of an axis written alike: as many digits as tell them apart, powers of ten when far from 1."""
    if not values:
        return []
    largest = max(abs(v) for v in values)
    smallest = min((abs(v) for v in values if abs(v) > 1e-12 * largest), default=1.0)
    if largest >= 1e6 or largest < 1e-3 or (largest / smallest > 1e4 and smallest < 1e-3):
        return _powers(values)
    steps = [abs(b - a) for a, b in zip(values, values[1:], strict=False)] or [smallest]
    if len(steps) > 1 and max(steps) > 1.5 * min(steps):  # logarithmic: each in its own shortest form
        return _told_apart(values, range(10, 18), lambda value, digits: f"{value:,.{digits}g}")
    plain = [0.0 if abs(v) < 1e-9 * min(steps) else v for v in values]
    start = _decimals(min(steps), largest)
    texts = _told_apart(plain, range(start, 30), lambda value, digits: f"{value:,.{digits}f}")
    return texts if len(set(texts)) == len(set(values)) else _powers(values)


def _told_apart(values: Sequence[float], digits: range, write: Callable[[float, int], str]) -> list[str]:
    """As few digits as give different values different texts."""
    texts: list[str] = []
    for count in digits:
        texts = [write(value + 0.0, count).replace("-", "−") for value in values]  # + 0.0: no negative zero
        if len(set(texts)) >= len(set(values)):
            break
    return texts


def _decimals(step: float, largest: float) -> int:
    """How many show the whole of a step, the noise of floats aside; six if that takes more."""
    for count in range(7 if step >= 1e-6 else 18):
        shown = step * 10**count
        if round(shown) and abs(shown - round(shown)) <= max(1e-6, 4e-16 * largest * 10**count):
            return count
    return 6


def _powers(values: Sequence[float]) -> list[str]:
    for digits in range(2, 17):
        texts = [f"{value:.{digits}e}" for value in values]
        if len(set(map(float, texts))) == len(set(values)):
            break
    return [_power(text) for text in texts]


def _power(text: str) -> str:
    """Of a number in scientific notation."""
    factor, exponent = text.split("e")
    if not float(factor):
        return "0"
    factor = factor.rstrip("0").rstrip(".")
    raised = str(int(exponent)).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))
    front = "" if factor == "1" else f"{factor}×".replace("-", "−")
    return f"{front}10{raised}"


def spread(wanted: Sequence[float], gap: float, low: float, high: float) -> list[float]:
    """Positions as near as possible (least squares) to `wanted`, at least `gap` apart, inside [low, high].

    Subtracting k·gap from the k-th position turns the task into isotonic regression, which pooling adjacent
    violators solves exactly (Barlow et al. 1972). When there is no room for all, they are spread evenly.
    """
    count = len(wanted)
    if count > 1 and (count - 1) * gap > high - low:
        gap = (high - low) / (count - 1)
    order = sorted(range(count), key=lambda k: wanted[k])
    blocks: list[tuple[float, int]] = []  # (mean, members)
    for rank, k in enumerate(order):
        mean, members = wanted[k] - rank * gap, 1
        while blocks and blocks[-1][0] > mean:
            before, size = blocks.pop()
            mean, members = (mean * members + before * size) / (members + size), members + size
        blocks.append((mean, members))
    shifted = [mean for mean, members in blocks for _ in range(members)]
    top = high - (count - 1) * gap
    placed = [0.0] * count
    for rank, k in enumerate(order):
        placed[k] = min(max(shifted[rank], low), top) + rank * gap
    return placed
