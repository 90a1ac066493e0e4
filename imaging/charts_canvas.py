"""A drawing surface with a theme: smooth lines, markers and text, drawn large with Pillow and then reduced."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image, ImageDraw
from torch import Tensor

from . import charts_text

Point = tuple[float, float]
Colour = tuple[int, int, int]
OVERSAMPLED_PIXELS = 40e6
"""Most pixels of the enlarged canvas; larger charts are smoothed with fewer samples per pixel."""
READABLE = 4.5
"""The contrast of text that WCAG 2.1 asks for."""


def rgb(code: str) -> Colour:
    """'#0072B2' → (0, 114, 178)."""
    return tuple(bytes.fromhex(code.removeprefix("#")))  # type: ignore[return-value]


@dataclass(frozen=True)
class Theme:
    """Colours of a chart.

    `palette` begins with that of Okabe and Ito (2008), safe for the common colour-vision deficiencies; the colours
    behind it keep as far from all others as those do from each other.
    """

    background: Colour
    ink: Colour
    muted: Colour
    grid: Colour
    palette: tuple[Colour, ...]

    def colour(self, index: int) -> Colour:
        """The colour of the index-th series; they repeat after the palette's end."""
        return self.palette[index % len(self.palette)]

    def readable(self, colour: Colour) -> Colour:
        """`colour` moved towards the ink until text in it has the contrast READABLE."""
        for share in np.linspace(0, 1, 21):
            mixed = tuple(round(a + share * (b - a)) for a, b in zip(colour, self.ink, strict=True))
            if _contrast(mixed, self.background) >= READABLE:
                return mixed  # type: ignore[return-value]
        return self.ink


def _contrast(first: Colour, second: Colour) -> float:
    lights = []
    for colour in (first, second):
        linear = [c / 3294.6 if c <= 10 else ((c / 255 + 0.055) / 1.055) ** 2.4 for c in colour]
        lights.append(0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2] + 0.05)
    return max(lights) / min(lights)


_BLUE, _VERMILLION, _GREEN, _PURPLE = rgb("#0072B2"), rgb("#D55E00"), rgb("#009E73"), rgb("#CC79A7")
_ORANGE, _SKY, _YELLOW = rgb("#E69F00"), rgb("#56B4E9"), rgb("#F0E442")
_WINE, _INDIGO, _LAVENDER, _WHITE = rgb("#882255"), rgb("#332288"), rgb("#8C7AE6"), rgb("#F0F2F4")
LIGHT = Theme(
    background=rgb("#FFFFFF"),
    ink=rgb("#1B1F24"),
    muted=rgb("#656D76"),
    grid=rgb("#E4E7EB"),
    palette=(_BLUE, _VERMILLION, _GREEN, _PURPLE, _ORANGE, _SKY, _WINE, _INDIGO),
)
DARK = Theme(
    background=rgb("#17191D"),
    ink=rgb("#F0F2F4"),
    muted=rgb("#9AA3AD"),
    grid=rgb("#30343A"),
    palette=(_SKY, _ORANGE, _GREEN, _PURPLE, _YELLOW, _VERMILLION, _LAVENDER, _WHITE),
)


class Canvas:
    """Draws in units of final pixels; the origin is the top left corner."""

    def __init__(self, width: int, height: int, theme: Theme) -> None:
        self.theme, self.width, self.height = theme, width, height
        self._scale = max(1, min(4, int((OVERSAMPLED_PIXELS / (width * height)) ** 0.5)))
        self._image = Image.new("RGB", (width * self._scale, height * self._scale), theme.background)
        self._draw = ImageDraw.Draw(self._image)

    def line(self, points: Sequence[Point], colour: Colour, width: float, dash: Sequence[float] = ()) -> None:
        """A polyline with round joints; `dash` alternates drawn and empty lengths."""
        for piece in _dashes(points, dash) if dash else [points]:
            large = [(x * self._scale, y * self._scale) for x, y in piece]
            self._draw.line(large, colour, max(1, round(width * self._scale)))
            if len(large) > 2:  # two-point pieces keep their square ends: grid lines, axes and dashes
                for x, y in large:
                    self._disc(x, y, width * self._scale / 2, colour)

    def _disc(self, x: float, y: float, radius: float, colour: Colour) -> None:
        self._draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=colour)

    def marker(self, x: float, y: float, size: float, colour: Colour, shape: int = 0) -> None:
        """The shape-th kind of marker (disc, square, triangle, diamond), with a rim of background around it."""
        corners, turn = ((0, 0.0), (4, math.pi / 4), (3, -math.pi / 2), (4, 0.0))[shape % 4]
        for radius, fill in ((size / 2 + 1.5, self.theme.background), (size / 2, colour)):
            self._shape(x * self._scale, y * self._scale, radius * self._scale, fill, corners, turn)

    def _shape(self, x: float, y: float, radius: float, fill: Colour, corners: int, turn: float) -> None:
        if not corners:
            self._disc(x, y, radius, fill)
            return
        reach = radius * (1.3 if corners == 3 else 1.2)  # equal area reads as equal size
        angles = [turn + 2 * math.pi * k / corners for k in range(corners)]
        self._draw.polygon([(x + reach * math.cos(a), y + reach * math.sin(a)) for a in angles], fill=fill)

    def rectangle(self, left: float, top: float, right: float, bottom: float, colour: Colour) -> None:
        """A filled rectangle."""
        left, top, right, bottom = (round(v * self._scale) for v in (left, top, right, bottom))
        if right > left and bottom > top:
            self._draw.rectangle((left, top, right - 1, bottom - 1), fill=colour)

    def rule(self, start: Point, stop: Point, colour: Colour, thickness: float) -> None:
        """A horizontal or vertical line laid on whole pixels, so that it is crisp."""
        thick = max(1, round(thickness))
        left, top = (math.floor(min(a, b) - (thick - 1) / 2) for a, b in zip(start, stop, strict=True))
        width, height = (math.floor(abs(a - b)) + thick for a, b in zip(start, stop, strict=True))
        self.rectangle(left, top, left + width, top + height, colour)

    def text(self, x: float, y: float, words: str, size: float, colour: Colour, align: str = "left") -> None:
        """Text whose capitals are centred on height y; `align` says which end of it lies at x."""
        large, left = size * self._scale, x * self._scale
        if align != "left":
            width = charts_text.width(words, large)
            left -= width if align == "right" else width / 2
        baseline = y * self._scale + charts_text.CAPITAL / 2 * large
        charts_text.draw(self._draw, left, baseline, words, large, colour)

    def text_width(self, words: str, size: float) -> float:
        """How wide `words` are set at `size`."""
        return charts_text.width(words, size * self._scale) / self._scale

    def fit(self, words: str, size: float, width: float) -> str:
        """`words`, shortened with an ellipsis to be at most `width` wide."""
        if self.text_width(words, size) <= width:
            return words
        while words and self.text_width(words + "…", size) > width:
            words = words[:-1]
        return words.rstrip() + "…"

    def tensor(self) -> Tensor:
        """The picture as [1,H,W,3] float32 in [0,1]."""
        small = self._image.reduce(self._scale) if self._scale > 1 else self._image
        return torch.from_numpy(np.asarray(small, np.float32) / 255)[None]


def _dashes(points: Sequence[Point], pattern: Sequence[float]) -> list[list[Point]]:
    """Cut a polyline into the drawn pieces of a dash pattern."""
    pieces: list[list[Point]] = []
    index, left, drawn = 0, pattern[0], [points[0]]
    for (ax, ay), (bx, by) in zip(points, points[1:], strict=False):
        length, done = math.hypot(bx - ax, by - ay), 0.0
        while length - done > left:
            done += left
            spot = (ax + (bx - ax) * done / length, ay + (by - ay) * done / length)
            if index % 2 == 0:
                pieces.append([*drawn, spot])
            index, drawn = index + 1, [spot]
            left = pattern[index % len(pattern)]
        left -= length - done
        drawn.append((bx, by))
    return [*pieces, drawn] if index % 2 == 0 and len(drawn) > 1 else pieces
