"""Small overlapping patches of one frame, taken on a regular grid that stays affordable on large pictures."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from math import ceil, cos, pi, sqrt

import torch
from torch import Tensor

ONE_VALUE = 1e-6
"""Range of values that rounding may leave where there is only one, on the [0,1] scale."""
ROWS = 32


@dataclass(frozen=True)
class Patches:
    """values: [N,C,S²] in rows of the grid. side: S. steps: rows and columns from patch to patch. grid: how many."""

    values: Tensor
    side: int
    steps: tuple[int, int]
    grid: tuple[int, int]

    @property
    def means(self) -> Tensor:
        """[N,C] mean of each channel."""
        return self.values.mean(dim=-1)

    @property
    def detail(self) -> Tensor:
        """[N,C,S²−1] coordinates without the mean, in an orthonormal basis: white noise keeps its sigma."""
        return self.values @ cosine_basis(self.side)[1:].T

    @property
    def independent(self) -> float:
        """Share of the values that are news: overlapping patches tell the same noise several times."""
        return min(1.0, 4 * self.steps[0] * self.steps[1] / self.side**2)


def cut(frame: Tensor, side: int, limit: int) -> Patches:
    """About `limit` patches of `side`² pixels, or all, of a frame [C,H,W] float32 that is at least that large.

    Steps are odd, so that no 2×2 sensor mosaic and no 8×8 coding grid is always met in the same phase.
    """
    rows, columns = frame.shape[-2] - side + 1, frame.shape[-1] - side + 1
    down = across = 1
    while ceil(rows / down) * ceil(columns / across) > limit:
        down, across = (down, across + 2) if across <= down else (down + 2, across)
    grid = (ceil(rows / down), ceil(columns / across))
    return Patches(windows(frame, side, (down, across)), side, (down, across), grid)


def windows(frame: Tensor, side: int, steps: tuple[int, int]) -> Tensor:
    """[C,H,W] → [N,C,S²] windows of S = `side`, this many rows and columns apart."""
    grid = frame.unfold(1, side, steps[0]).unfold(2, side, steps[1])
    return grid.permute(1, 2, 0, 3, 4).reshape(-1, frame.shape[0], side * side)


def areas_of_one_value(frame: Tensor) -> Tensor:
    """[C,H,W] → mask of what lies in some 3×3 pixels of one value: drawn or cut off, so that it holds no noise."""
    even = torch.empty(frame.shape, dtype=torch.bool, device=frame.device)
    for top in range(0, frame.shape[1], ROWS):  # a few rows at a time stay in the caches
        first = max(0, top - 1)
        rows = frame[:, first : top + ROWS + 1]
        spread = _around(rows, torch.maximum) - _around(rows, torch.minimum)
        even[:, top : top + ROWS] = (spread < ONE_VALUE)[:, top - first :][:, :ROWS]
    return _around(even, torch.logical_or)


def _around(values: Tensor, merge: Callable[..., Tensor]) -> Tensor:
    """[C,H,W] → every value merged with its eight neighbours; beyond the border there are none."""
    for axis in (1, 2):
        inner, merged = values.shape[axis] - 1, values.clone()
        for beside, here in ((0, 1), (1, 0)):
            target = merged.narrow(axis, here, inner)
            merge(target, values.narrow(axis, beside, inner), out=target)
        values = merged
    return values


def drawn_share(even: Tensor, patches: Patches) -> Tensor:
    """[N] share of the pixels of each patch that lie in areas of one value; even: these, of the patches' frame."""
    return windows(even, patches.side, patches.steps).flatten(1).float().mean(dim=1)


def photographed(drawn: Tensor, fewest: int) -> Tensor:
    """[N] mask of the patches that touch no bar, logo or masked area, where `drawn` is their `drawn_share`.

    Such areas hold no noise: they would pass for the flattest places, and say nothing of the others. Where most patches
    touch one, or fewer than `fewest` do not, it is the picture that is drawn, and all are asked: they tell that it has
    no noise.
    """
    kept, touching = drawn == 0, (drawn > 0) & (drawn < 1)
    return kept if int(kept.sum()) >= max(int(touching.sum()), fewest) else torch.ones_like(kept)


@lru_cache(maxsize=8)
def cosine_basis(side: int) -> Tensor:
    """Orthonormal two-dimensional DCT-II basis [S²,S²]; row u·S + v holds frequency (u, v), row 0 the mean."""
    line = [
        [sqrt((1 if k == 0 else 2) / side) * cos(pi * (2 * n + 1) * k / (2 * side)) for n in range(side)]
        for k in range(side)
    ]
    matrix = torch.tensor(line)
    return torch.kron(matrix, matrix)
