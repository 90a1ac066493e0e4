"""Bars in the order given, with names, values and small print."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor

from .charts_axes import Scale, tick_labels, ticks
from .charts_frame import SMALLEST, Frame, chart_canvas, heading, text_unit


@dataclass(frozen=True)
class Bar:
    """One bar: its label, its length, a note in small print under the label, and whether to set it off."""

    name: str
    value: float
    note: str = ""
    muted: bool = False


def bar_chart(
    bars: Sequence[Bar],
    *,
    title: str,
    x_label: str,
    subtitle: str = "",
    width: int = 960,
    dark: bool = False,
    text_scale: float = 1.0,
) -> Tensor:
    """Horizontal bars from zero, in the order given, each with its name before and its value behind it.

    Args:
        x_label: what the bars measure and its unit. The rest: see `line_chart`.

    Returns:
        [1,height,width,3] float32 in [0,1], as high as the bars need.

    Raises:
        ValueError: no bars, or a value that is not finite.
    """
    if not bars or not all(math.isfinite(bar.value) for bar in bars):
        raise ValueError("a bar chart needs at least one bar, and every value must be finite.")
    unit = text_scale * text_unit(width)
    row = (46 if any(bar.note for bar in bars) else 34) * unit
    height = max(SMALLEST, round((150 if subtitle else 124) * unit + row * len(bars)))
    canvas = chart_canvas(width, height, dark)
    names = max(max(canvas.text_width(b.name, 14 * unit), canvas.text_width(b.note, 12 * unit)) for b in bars)
    frame = Frame(
        canvas,
        unit,
        left=min(names, 0.42 * width) + 40 * unit,
        top=heading(canvas, unit, title, subtitle) + 16 * unit,
        right=width - 84 * unit,
        bottom=height - 62 * unit,
    )
    values = [bar.value for bar in bars]
    low, high = min(0.0, *values), max(0.0, *values)
    scale = Scale(low, high if high > low else low + 1, frame.left, frame.right)
    _bars(frame, bars, scale)
    canvas.text(scale(0), height - 22 * unit, x_label, 13 * unit, frame.theme.muted)
    return canvas.tensor()


def _bars(frame: Frame, bars: Sequence[Bar], scale: Scale) -> None:
    canvas, unit, theme = frame.canvas, frame.unit, frame.theme
    marks = ticks(scale.low, scale.high, max(3, int((frame.right - frame.left) / (110 * unit))))
    for value, label in zip(marks, tick_labels(marks), strict=True):
        canvas.rule((scale(value), frame.top), (scale(value), frame.bottom), theme.grid, unit)
        canvas.text(scale(value), frame.bottom + 16 * unit, label, 13 * unit, theme.muted, "centre")
    row = (frame.bottom - frame.top) / len(bars)
    for rank, bar in enumerate(bars):
        middle, thick = frame.top + (rank + 0.5) * row, min(0.62 * row, 26 * unit)
        start, stop = sorted((scale(0), scale(bar.value)))
        colour = theme.muted if bar.muted else theme.colour(0)
        canvas.rectangle(start, middle - thick / 2, max(stop, start + 1), middle + thick / 2, colour)
        end, room = frame.left - 14 * unit, frame.left - 36 * unit
        name, note = canvas.fit(bar.name, 14 * unit, room), canvas.fit(bar.note, 12 * unit, room)
        canvas.text(end, middle - 8 * unit * bool(bar.note), name, 14 * unit, theme.ink, "right")
        canvas.text(end, middle + 9 * unit, note, 12 * unit, theme.muted, "right")
        words = f"{bar.value:+.2f}" if scale.low < 0 else f"{bar.value:.2f}"
        canvas.text(stop + 8 * unit, middle, words.replace("-", "−"), 14 * unit, theme.ink)
    canvas.rule((scale(0), frame.top), (scale(0), frame.bottom), theme.muted, unit)
