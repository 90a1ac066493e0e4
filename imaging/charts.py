"""Charts as pictures: lines with their names at their ends, and ranked bars; drawn with Pillow, light or dark."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from torch import Tensor

from .charts_axes import Scale, data_range, spread, tick_labels, ticks
from .charts_bars import Bar, bar_chart
from .charts_canvas import Canvas, Colour, Point
from .charts_frame import MARGIN, Frame, chart_canvas, heading, text_unit

__all__ = ["Bar", "Series", "bar_chart", "line_chart"]

DASH = (7.0, 5.0)
Ends = tuple[Point, Point]


@dataclass(frozen=True)
class Series:
    """One line of a chart.

    name: its label. x, y: as many numbers each; where one is not finite the line is interrupted.
    style: 'line'; 'reference' (gray and dashed: what the others are compared with); 'points' (no line between).
    markers: whether each point is marked; None = when there are few.
    trend: draw the least-squares line through the points, and the name at its end.
    """

    name: str
    x: Sequence[float]
    y: Sequence[float]
    style: Literal["line", "reference", "points"] = "line"
    markers: bool | None = None
    trend: bool = False


def line_chart(
    series: Sequence[Series],
    *,
    title: str,
    x_label: str,
    y_label: str,
    subtitle: str = "",
    width: int = 960,
    height: int = 540,
    dark: bool = False,
    log_x: bool = False,
    log_y: bool = False,
    x_range: tuple[float, float] | None = None,
    y_range: tuple[float, float] | None = None,
    x_ticks: Sequence[float] | None = None,
    text_scale: float = 1.0,
) -> Tensor:
    """Lines with their names at their ends, on the axes' own units.

    Args:
        series: at least one; colours are given in order, references are gray.
        x_label, y_label: what is measured and its unit, as in 'PSNR (dB)'.
        subtitle: one line of small print under the title.
        width, height: pixels, at least 160 each.
        dark: light text on a dark ground.
        log_x, log_y: logarithmic axes; values that are not positive are left out.
        x_range, y_range: (low, high); None = what shows everything.
        x_ticks: values to label, as where something was measured; those that would touch are left out. None = round.
        text_scale: multiplies text and strokes, as for a picture that is shown smaller than it is.

    Returns:
        [1,height,width,3] float32 in [0,1].

    Raises:
        ValueError: nothing to draw, x and y of different lengths, or a range that is none.
    """
    _check_series(series, (x_range, log_x), (y_range, log_y))
    canvas = chart_canvas(width, height, dark)
    unit = text_scale * text_unit(width, height)
    trends = [_trend(s, log_x, log_y) if s.trend else None for s in series]
    xs = x_range or data_range([v for s in series for v in s.x], log_x, padding=0.0 if _is_sampled(series) else 0.03)
    heights = [v for s in series for v in s.y] + [v for ends in trends if ends for _, v in ends]
    ys = y_range or data_range(heights, log_y, padding=0.06)
    y_ticks = ticks(*ys, max(5, int(height / (80 * text_scale))), log_y)
    left, right = _sides(canvas, unit, series, tick_labels(y_ticks))
    top = heading(canvas, unit, title, subtitle) + 42 * unit
    frame = Frame(canvas, unit, left=left, top=top, right=right, bottom=height - 62 * unit)
    x, y = Scale(*xs, frame.left, frame.right, log_x), Scale(*ys, frame.bottom, frame.top, log_y)
    marks = ticks(*xs, max(3, int(width / (120 * text_scale))), log_x) if x_ticks is None else _roomy(frame, x, x_ticks)
    _axes(frame, x, marks, y, y_ticks)
    canvas.text(MARGIN * unit, frame.top - 26 * unit, y_label, 13 * unit, frame.theme.muted)
    canvas.text((frame.left + frame.right) / 2, height - 22 * unit, x_label, 13 * unit, frame.theme.muted, "centre")
    _plot(frame, series, trends, x, y)
    return canvas.tensor()


def _sides(canvas: Canvas, unit: float, series: Sequence[Series], labels: Sequence[str]) -> tuple[float, float]:
    """Left and right end of the plot, with room for the labels of the axis and for the names of the lines."""
    left = max(canvas.text_width(label, 13 * unit) for label in labels or [""]) + 34 * unit
    named = [s.name for s in series if s.style != "points" or len(series) > 1]
    names = max((canvas.text_width(name, 14 * unit) for name in named), default=-20 * unit) + 44 * unit
    return left, canvas.width - min(names, 0.34 * canvas.width)


def _check_series(series: Sequence[Series], *axes: tuple[tuple[float, float] | None, bool]) -> None:
    if not series:
        raise ValueError("a line chart needs at least one series.")
    for each in series:
        if len(each.x) != len(each.y):
            raise ValueError(f"series '{each.name}' has {len(each.x)} x values and {len(each.y)} y values.")
    for limits, log in axes:
        if limits is not None and not (limits[0] < limits[1] and (limits[0] > 0 or not log)):
            raise ValueError(f"the range {limits} of an axis must rise" + (" and be above zero." if log else "."))


def _is_sampled(series: Sequence[Series]) -> bool:
    """Whether the lines are dense curves, which may run from edge to edge."""
    return all(len(s.x) > 40 and s.style != "points" for s in series)


def _roomy(frame: Frame, x: Scale, wanted: Sequence[float]) -> list[float]:
    """Those of the wanted ticks whose labels keep a gap between them, from the left."""
    kept: list[float] = []
    right = -math.inf
    inside = sorted({value for value in wanted if x.has(value)})
    for value, label in zip(inside, tick_labels(inside), strict=True):
        half = frame.canvas.text_width(label, 13 * frame.unit) / 2
        if x(value) - half >= right:
            kept.append(value)
            right = x(value) + half + 10 * frame.unit
    return kept


def _axes(frame: Frame, x: Scale, x_ticks: list[float], y: Scale, y_ticks: list[float]) -> None:
    canvas, unit, theme = frame.canvas, frame.unit, frame.theme
    for value, label in zip(y_ticks, tick_labels(y_ticks), strict=True):
        canvas.rule((frame.left, y(value)), (frame.right, y(value)), theme.grid, unit)
        canvas.text(frame.left - 10 * unit, y(value), label, 13 * unit, theme.muted, "right")
    canvas.rule((frame.left, frame.bottom), (frame.right, frame.bottom), theme.muted, unit)
    for value, label in zip(x_ticks, tick_labels(x_ticks), strict=True):
        spot = x(value)
        canvas.rule((spot, frame.bottom), (spot, frame.bottom + 5 * unit), theme.muted, unit)
        canvas.text(spot, frame.bottom + 18 * unit, label, 13 * unit, theme.muted, "centre")


def _plot(frame: Frame, series: Sequence[Series], trends: Sequence[Ends | None], x: Scale, y: Scale) -> None:
    ends: list[tuple[str, Point, Colour]] = []
    pairs = zip(series, trends, strict=True)
    for each, fitted in sorted(pairs, key=lambda pair: pair[0].style != "reference"):  # references lie under the rest
        colour, shape = frame.theme.muted, 0
        if each.style != "reference":
            rank = [s for s in series if s.style != "reference"].index(each)
            colour, shape = frame.theme.colour(rank), rank + rank // len(frame.theme.palette)
        runs = _runs(each, x, y)
        trend = [(x(a), y(b)) for a, b in fitted or () if x.has(a) and y.has(b)]
        if len(trend) == 2:
            frame.canvas.line(trend, colour, 1.6 * frame.unit)
        _draw_series(frame, each, runs, colour, shape)
        if runs and (each.style != "points" or len(series) > 1):
            ends.append((each.name, trend[1] if len(trend) == 2 else runs[-1][-1], colour))
    _end_labels(frame, ends)


def _trend(series: Series, log_x: bool, log_y: bool) -> Ends | None:
    """Both ends of the line through the points that is straight on these axes; None where there is none."""
    values = np.array([series.x, series.y], dtype=float)
    usable = np.isfinite(values).all(axis=0) & ((values[0] > 0) | (not log_x)) & ((values[1] > 0) | (not log_y))
    x, y = values[:, usable]
    x, y = np.log(x) if log_x else x, np.log(y) if log_y else y
    if len(x) < 3 or np.ptp(x) == 0:
        return None
    slope, start = np.polyfit(x, y, 1)
    across = np.array([x.min(), x.max()])
    up = start + slope * across
    ends = zip(np.exp(across) if log_x else across, np.exp(up) if log_y else up, strict=True)
    first, last = ((float(a), float(b)) for a, b in ends)
    return first, last


def _runs(series: Series, x: Scale, y: Scale) -> list[list[Point]]:
    """The drawable stretches of a series in pixels; a value outside the axes interrupts the line."""
    runs: list[list[Point]] = [[]]
    for a, b in zip(series.x, series.y, strict=True):
        if x.has(a) and y.has(b):
            runs[-1].append((x(a), y(b)))
        elif runs[-1]:
            runs.append([])
    return [run for run in runs if run]


def _draw_series(frame: Frame, series: Series, runs: list[list[Point]], colour: Colour, shape: int) -> None:
    unit, reference = frame.unit, series.style == "reference"
    points = [point for run in runs for point in run]
    if series.style != "points":
        dash = [length * unit for length in DASH] if reference else ()
        for run in runs:
            if len(run) > 1:
                frame.canvas.line(run, colour, (1.8 if reference else 2.6) * unit, dash)
    marked = len(points) <= 24 if series.markers is None else series.markers
    if series.style == "points" or marked or any(len(run) == 1 for run in runs):
        for spot in points:
            frame.canvas.marker(*spot, size=(6.5 if reference else 8.5) * unit, colour=colour, shape=shape)


def _end_labels(frame: Frame, ends: list[tuple[str, Point, Colour]]) -> None:
    """Names beside the lines' ends, moved apart where they would touch, with a thin lead where they moved."""
    canvas, unit = frame.canvas, frame.unit
    heights = spread([end[1] for _, end, _ in ends], 20 * unit, frame.top + 4 * unit, frame.bottom - 6 * unit)
    start = frame.right + 26 * unit
    for (name, (end_x, end_y), colour), height in zip(ends, heights, strict=True):
        lead = [(end_x + 8 * unit, end_y), (frame.right + 10 * unit, end_y), (start - 4 * unit, height)]
        if abs(height - end_y) > 3 * unit or frame.right - end_x > 12 * unit:
            canvas.line(lead[0 if frame.right - end_x > 12 * unit else 1 :], frame.theme.grid, 1.2 * unit)
        words = canvas.fit(name, 14 * unit, canvas.width - start - 10 * unit)
        canvas.text(start, height, words, 14 * unit, frame.theme.readable(colour))
