"""Cutting a picture into tiles whose seams cannot be seen: every tile carries a halo that is thrown away."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Span:
    """One axis of a tile: the network sees [outer_start, outer_stop) and [start, stop) of it is kept."""

    start: int
    stop: int
    outer_start: int
    outer_stop: int

    @property
    def inner(self) -> slice:
        """The kept part, counted from the start of the window."""
        return slice(self.start - self.outer_start, self.stop - self.outer_start)

    @property
    def outer(self) -> slice:
        """The window in the picture."""
        return slice(self.outer_start, self.outer_stop)

    @property
    def kept(self) -> slice:
        """The kept part in the picture."""
        return slice(self.start, self.stop)


@dataclass(frozen=True)
class Tile:
    """A rectangle of the picture: rows and columns."""

    rows: Span
    columns: Span

    @property
    def kept(self) -> tuple[int, int]:
        """Height and width of what is kept of it."""
        return self.rows.stop - self.rows.start, self.columns.stop - self.columns.start

    @property
    def window(self) -> tuple[int, int]:
        """Height and width of what the network sees."""
        return (
            self.rows.outer_stop - self.rows.outer_start,
            self.columns.outer_stop - self.columns.outer_start,
        )


def round_up(value: int, multiple: int) -> int:
    """The smallest multiple of `multiple` that is at least `value`."""
    return -(-value // multiple) * multiple


def _spans(length: int, tile: int, halo: int) -> list[Span]:
    count = max(1, -(-length // tile))
    return [
        Span(i * tile, min((i + 1) * tile, length), max(0, i * tile - halo), min((i + 1) * tile + halo, length))
        for i in range(count)
    ]


def plan(height: int, width: int, tile: int | tuple[int, int], halo: int, multiple: int = 1) -> list[Tile]:
    """Tiles that cover the picture exactly once. tile: side of the kept part, or its height and width.

    Tile size and halo are rounded up to `multiple` (the network's size multiple), so that every window starts on the
    same grid as the whole picture would and strided layers sample the same pixels. Windows end at the picture's
    border, where the network then pads just as it would on the whole picture.

    Raises:
        ValueError: a size below 1 or a negative halo.
    """
    tall, wide = (tile, tile) if isinstance(tile, int) else tile
    if min(height, width, tall, wide, multiple) < 1 or halo < 0:
        raise ValueError(f"cannot tile {height}x{width} with tile {tile}, halo {halo}, multiple {multiple}.")
    tall, wide, halo = (round_up(value, multiple) for value in (tall, wide, halo))
    return [Tile(rows, columns) for rows in _spans(height, tall, halo) for columns in _spans(width, wide, halo)]


def split_tile(tile: Tile, halo: int, multiple: int, height: int, width: int) -> list[Tile]:
    """The same part of the picture in quarters, for when the whole did not fit into memory."""
    halo = round_up(halo, multiple)

    def halves(span: Span, length: int) -> list[Span]:
        middle = span.start + round_up((span.stop - span.start + 1) // 2, multiple)
        edges = [(span.start, min(middle, span.stop)), (middle, span.stop)]
        return [Span(a, b, max(0, a - halo), min(b + halo, length)) for a, b in edges if a < b]

    return [Tile(rows, columns) for rows in halves(tile.rows, height) for columns in halves(tile.columns, width)]


class Joined:
    """Puts tiles together into `picture` [B,C,H,W], which is overwritten.

    feathered: windows fade into each other over their halos, for networks whose tiles never agree exactly; else every
    tile's own part is taken as it is.
    """

    def __init__(self, picture: Tensor, feathered: bool = False) -> None:
        self._picture = picture.zero_() if feathered else picture
        self._weight = torch.zeros_like(picture[:1, :1]) if feathered else None

    def add(self, piece: Tensor, tile: Tile) -> None:
        """Add the window [B,C,h,w] of a tile."""
        if self._weight is None:
            kept = piece[..., tile.rows.inner, tile.columns.inner]
            self._picture[..., tile.rows.kept, tile.columns.kept] = kept
            return
        height, width = self._picture.shape[-2:]
        weight = _ramp(tile.rows, height).to(piece)[:, None] * _ramp(tile.columns, width).to(piece)
        self._picture[..., tile.rows.outer, tile.columns.outer] += weight * piece
        self._weight[..., tile.rows.outer, tile.columns.outer] += weight

    def finish(self) -> None:
        """Every tile has been added."""
        if self._weight is not None:
            self._picture /= self._weight


def _ramp(span: Span, length: int) -> Tensor:
    """Weights of one axis of a window: 1 inside, falling to 0 over twice the halo where another window goes on."""
    size = span.outer_stop - span.outer_start
    position = torch.arange(size) + 0.5
    weight = torch.ones(size)
    if span.outer_start > 0 and span.start > span.outer_start:
        weight = torch.minimum(weight, position / (2 * (span.start - span.outer_start)))
    if span.outer_stop < length and span.outer_stop > span.stop:
        weight = torch.minimum(weight, (size - position) / (2 * (span.outer_stop - span.stop)))
    return weight
