"""Weighted means over a window, one shift of the whole picture at a time: the core of NLM and the bilateral filter."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from ...monitor import Monitor

TILE = 256
"""Side of what a CPU works on at a time: its caches hold it, and large pictures take little more room."""
Weight = Callable[[Tensor, Tensor, int, int], Tensor]
"""(pictures around the nearer and the farther pixel of each pair, dy, dx) → weight [1,1,...] of the pair."""


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
    """Σ w·I(x+o) / Σ w over the part of the (2·radius+1)² window that lies in the picture, the centre with weight 1.

    A pair of pixels has the same weight from both sides, so each opposite pair of shifts is computed once. `margin` is
    how far around a pixel the weight looks (the patch radius), into a mirrored picture at the border.
    """
    padded, result = reflect_pad(image, margin), torch.empty_like(image)
    height, width = image.shape[-2:]
    side = TILE if image.device.type == "cpu" else max(height, width)
    tiles = [(top, left) for top in range(0, height, side) for left in range(0, width, side)]
    for index, (top, left) in enumerate(tiles):
        first = max(0, top - radius), max(0, left - radius)
        around = (
            ...,
            slice(first[0], min(height, top + side + radius)),
            slice(first[1], min(width, left + side + radius)),
        )
        mean = _tile_mean(
            image[around], padded[_wider(around, margin)], radius, weight, monitor.part(index, len(tiles))
        )
        inner = mean[..., top - first[0] :, left - first[1] :][..., :side, :side]
        result[..., top : top + side, left : left + side] = inner
    return result


def _tile_mean(image: Tensor, padded: Tensor, radius: int, weight: Weight, monitor: Monitor) -> Tensor:
    """The weighted mean of the whole of a small picture; `padded` goes on by the weight's margin around it."""
    margin = (padded.shape[-1] - image.shape[-1]) // 2
    total, weights = image.clone(), torch.ones_like(image[:, :1])
    height, width = image.shape[-2:]
    shifts = [(dy, dx) for dy, dx in half_window(radius) if dy < height and abs(dx) < width]
    for index, (dy, dx) in enumerate(shifts):
        (top, bottom), (left, right) = _overlap(height, dy), _overlap(width, dx)
        here, there = (..., top, left), (..., bottom, right)
        pair = weight(padded[_wider(here, margin)], padded[_wider(there, margin)], dy, dx)
        for mine, other in ((here, there), (there, here)):
            total[mine] += pair * image[other]
            weights[mine] += pair
        monitor.advance((index + 1) / len(shifts))
    return total.div_(weights)


def _overlap(length: int, shift: int) -> tuple[slice, slice]:
    """The pixels of a row whose partner `shift` further on is in it too, and their partners."""
    return slice(max(0, -shift), length - max(0, shift)), slice(max(0, shift), length - max(0, -shift))


def _wider(where: tuple, margin: int) -> tuple:
    """The same pixels with `margin` around them, in a picture padded by it."""
    return (..., *(slice(part.start, part.stop + 2 * margin) for part in where[1:]))
