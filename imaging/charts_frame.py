"""What every chart has: a plot area, a heading, and sizes that follow the chart's own."""

from __future__ import annotations

from dataclasses import dataclass

from .charts_canvas import DARK, LIGHT, Canvas, Theme

SMALLEST = 160
MARGIN = 24.0
"""Space left and right of a chart's words, in units of the frame."""


@dataclass(frozen=True)
class Frame:
    """The plot area in pixels; `unit` multiplies every size of text and strokes."""

    canvas: Canvas
    unit: float
    left: float
    top: float
    right: float
    bottom: float

    @property
    def theme(self) -> Theme:
        return self.canvas.theme


def chart_canvas(width: int, height: int, dark: bool) -> Canvas:
    """An empty chart. Raises ValueError when there is no room for one."""
    if min(width, height) < SMALLEST:
        raise ValueError(f"a chart needs at least {SMALLEST}x{SMALLEST} pixels, got {width}x{height}.")
    return Canvas(width, height, DARK if dark else LIGHT)


def text_unit(width: int, height: int | None = None) -> float:
    """Text and strokes grow with the chart, more slowly than it; without a height, with its width alone."""
    share = width / 960 if height is None else min(width / 960, height / 540)
    return max(0.75, share**0.8)


def heading(canvas: Canvas, unit: float, title: str, subtitle: str) -> float:
    """Draw title and subtitle; return where they end."""
    room = canvas.width - 2 * MARGIN * unit
    canvas.text(MARGIN * unit, 32 * unit, canvas.fit(title, 20 * unit, room), 20 * unit, canvas.theme.ink)
    if not subtitle:
        return 46 * unit
    canvas.text(MARGIN * unit, 58 * unit, canvas.fit(subtitle, 13 * unit, room), 13 * unit, canvas.theme.muted)
    return 68 * unit
