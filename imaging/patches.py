"""Small overlapping patches of one frame, taken on a regular grid that stays affordable on large pictures."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from math import ceil, cos, pi, sqrt

import torch
from torch import Tensor


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
    windows = frame.unfold(1, side, down).unfold(2, side, across)
    values = windows.permute(1, 2, 0, 3, 4).reshape(-1, frame.shape[0], side * side)
    return Patches(values, side, (down, across), (windows.shape[1], windows.shape[2]))


@lru_cache(maxsize=8)
def cosine_basis(side: int) -> Tensor:
    """Orthonormal two-dimensional DCT-II basis [S²,S²]; row u·S + v holds frequency (u, v), row 0 the mean."""
    line = [
        [sqrt((1 if k == 0 else 2) / side) * cos(pi * (2 * n + 1) * k / (2 * side)) for n in range(side)]
        for k in range(side)
    ]
    matrix = torch.tensor(line)
    return torch.kron(matrix, matrix)
