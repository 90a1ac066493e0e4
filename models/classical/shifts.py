"""Weighted means over a window, one shift of the whole picture at a time: the core of NLM and the bilateral filter."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from ...monitor import Monitor

Weight = Callable[[Tensor, Tensor, int, int], Tensor]
"""(picture, picture shifted by (dy, dx), dy, dx), all on the extended grid → weight [1,1,...] of each pixel pair."""


def reflect_index(length: int, margin: int) -> Tensor:
    """Indices that continue 0..length−1 by mirroring without repeating the edge, however far beyond."""
    position = torch.arange(-margin, length + margin)
    if length == 1:
        return torch.zeros_like(position)
    period = 2 * (length - 1)
    return (length - 1) - ((position % period) - (length - 1)).abs()


def reflect_pad(image: Tensor, margin: int) -> Tensor:
    """[..., H, W] mirrored by `margin` on every side, also where the margin exceeds the picture."""
    rows, columns = (reflect_index(n, margin).to(image.device) for n in image.shape[-2:])
    return image.index_select(-2, rows).index_select(-1, columns)


def half_window(radius: int) -> Iterator[tuple[int, int]]:
    """One of each pair of opposite shifts within the square window, the centre left out."""
    for dy in range(radius + 1):
        for dx in range(-radius, radius + 1):
            if dy > 0 or dx > 0:
                yield dy, dx


def shifted_mean(image: Tensor, radius: int, weight: Weight, margin: int, monitor: Monitor) -> Tensor:
    """Σ w·I(x+o) / Σ w over the (2·radius+1)² window, the centre with weight 1.

    A pair of pixels has the same weight from both sides, so each opposite pair of shifts is computed once. `margin` is
    how much further than the shift the weight looks (the patch radius).
    """
    height, width = image.shape[-2:]
    padded = reflect_pad(image, 2 * radius + margin)
    total, weights = image.clone(), torch.ones_like(image[:, :1])

    def cut(picture: Tensor, border: int, dy: int = 0, dx: int = 0) -> Tensor:
        """The picture moved by a shift, with `border` pixels around the frame of the result."""
        start = (picture.shape[-2] - height) // 2 - border
        return picture[..., start + dy : start + dy + height + 2 * border, start + dx : start + dx + width + 2 * border]

    shifts = list(half_window(radius))
    for index, (dy, dx) in enumerate(shifts):
        border = radius + margin
        pair = weight(cut(padded, border), cut(padded, border, dy, dx), dy, dx)
        for sign in (1, -1):
            share = cut(pair, 0) if sign == 1 else cut(pair, 0, -dy, -dx)
            total += share * cut(padded, 0, sign * dy, sign * dx)
            weights += share
        monitor.advance((index + 1) / len(shifts))
    return total / weights
