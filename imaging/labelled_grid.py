"""Pictures in rows and columns, each under its label, pixel by pixel as they are."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from .charts_canvas import DARK, LIGHT, Canvas, Theme
from .level import DenoiseError

GAP = 8


def labelled_grid(pictures: Sequence[Tensor], labels: Sequence[str], columns: int, dark: bool = True) -> Tensor:
    """Join pictures of one size into one.

    Args:
        pictures: [1,H,W,1 or 3] in [0,1] each. labels: one per picture; shortened where they do not fit.
        columns: pictures per row. dark: background and text.

    Returns:
        [1,h,w,3] in [0,1].

    Raises:
        DenoiseError: no pictures, unequal sizes, or another number of labels.
    """
    if not pictures or len({tuple(p.shape[:3]) for p in pictures}) != 1:
        raise DenoiseError("a grid needs at least one picture, and all of one size.")
    if len(labels) != len(pictures):
        raise DenoiseError(f"a grid of {len(pictures)} pictures needs as many labels, got {len(labels)}.")
    theme = DARK if dark else LIGHT
    columns = min(columns, len(pictures))
    width = pictures[0].shape[2]
    size = min(20.0, max(11.0, width / 16))
    cells = [
        torch.cat([_caption(label, width, size, theme), picture.expand(-1, -1, -1, 3).float()], dim=1)
        for picture, label in zip(pictures, labels, strict=True)
    ]
    blank = _blank(theme, *cells[0].shape[1:3])
    cells += [blank] * (-len(cells) % columns)
    rows = [_join(cells[start : start + columns], 2, theme) for start in range(0, len(cells), columns)]
    return _framed(_join(rows, 1, theme), theme)


def _caption(words: str, width: int, size: float, theme: Theme) -> Tensor:
    canvas = Canvas(width, round(1.9 * size), theme)
    canvas.text(2, 0.95 * size, canvas.fit(words, size, width - 4), size, theme.ink)
    return canvas.tensor()


def _blank(theme: Theme, height: int, width: int) -> Tensor:
    return (torch.tensor(theme.background) / 255).expand(1, height, width, 3)


def _join(parts: Sequence[Tensor], axis: int, theme: Theme) -> Tensor:
    height, width = parts[0].shape[1:3]
    gap = _blank(theme, height, GAP) if axis == 2 else _blank(theme, GAP, width)
    return torch.cat([piece for part in parts for piece in (gap, part)][1:], dim=axis)


def _framed(picture: Tensor, theme: Theme) -> Tensor:
    height, width = picture.shape[1:3]
    framed = _blank(theme, height + 2 * GAP, width + 2 * GAP).clone()
    framed[:, GAP : GAP + height, GAP : GAP + width] = picture
    return framed
