"""Where every pixel was in the frame before: coarse-to-fine block matching with a sub-pixel fit."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

SMALLEST_SIDE = 24
"""Frames are halved until their shorter side would fall below this."""
COARSE_REACH = 3
"""Search radius in pixels on the smallest level; every finer level looks one pixel further around what it was given."""
BLOCK, WIDE_BLOCK = 9, 17
INERTIA = 0.6
"""A vector is left for another only if that lowers the matching error by more than this share of the typical smallest
one, or flat areas would follow the noise."""
CAUTION = 2.0
"""Weight of the expected fraction of a pixel against the measured one, in typical matching errors."""
NEIGHBOURS = ((0, 1), (0, -1), (1, 0), (-1, 0))


def motion(before: Tensor, now: Tensor) -> Tensor:
    """Two frames [1,C,H,W] → [1,2,H,W]: rows and columns to where the pixel was before, in fractions of a pixel.

    Sums of squared differences over blocks, dense, from a coarse level to a fine one; on each level a pixel may take
    the vector of a neighbouring block, of the whole picture or none. The fraction comes from the parabola through the
    errors beside the best whole vector.
    """
    pyramid = [(before.mean(1, keepdim=True), now.mean(1, keepdim=True))]
    while min(pyramid[-1][0].shape[-2:]) >= 2 * SMALLEST_SIDE:
        pyramid.append((F.avg_pool2d(pyramid[-1][0], 2), F.avg_pool2d(pyramid[-1][1], 2)))
    camera = [float(step) for step in camera_motion(pyramid)]
    flow = torch.zeros(1, 2, *pyramid[-1][0].shape[-2:], device=now.device)
    for depth in range(len(pyramid) - 1, -1, -1):
        level_before, level_now = pyramid[depth]
        if flow.shape[-2:] != level_now.shape[-2:]:
            flow = 2 * F.interpolate(flow, level_now.shape[-2:], mode="nearest")
        matcher = _Matcher(level_before, level_now)
        reach = COARSE_REACH if depth == len(pyramid) - 1 else 1
        common = [torch.zeros(2, device=now.device), torch.tensor(camera, device=now.device).div(2**depth).round()]
        flow = matcher.search(flow, common, reach)
    return matcher.fraction(flow, torch.tensor(camera, device=now.device).view(1, 2, 1, 1))


class _Matcher:
    """Matching errors between two single-channel frames of one level."""

    def __init__(self, before: Tensor, now: Tensor) -> None:
        self._before, self._now = before, now
        self._grid = pixel_grid(now)

    def error(self, flow: Tensor, side: int = BLOCK) -> Tensor:
        """[1,1,H,W]: mean squared difference of the block around each pixel."""
        return box_mean((sample(self._before, self._grid + flow, "nearest") - self._now).square(), side)

    def search(self, given: Tensor, common: list[Tensor], reach: int) -> Tensor:
        """The vectors of smallest error among those given, the neighbours' and those within `reach`; but first of all
        a `common` one, and then the given one, where noise alone may be what another does better."""
        kept = self.error(given)
        best, flow = kept, given
        around = [
            torch.tensor([float(row), float(column)], device=given.device).view(1, 2, 1, 1)
            for row in range(-reach, reach + 1)
            for column in range(-reach, reach + 1)
            if (row, column) != (0, 0)
        ]
        neighbours = [torch.roll(given, (BLOCK * row, BLOCK * column), (-2, -1)) for row, column in NEIGHBOURS]
        for candidate in [*neighbours, *(given + step for step in around)]:
            error = self.error(candidate)
            better = error < best
            best = torch.where(better, error, best)
            flow = torch.where(better, candidate, flow)
        shared = [(vector, self.error(vector)) for vector in (v.view(1, 2, 1, 1).expand_as(given) for v in common)]
        best = torch.stack([best, *(error for _, error in shared)]).amin(0)
        enough = best + INERTIA * best.median()
        for vector, error in [(given, kept), *shared]:
            flow = torch.where(error <= enough, vector, flow)
        return flow

    def fraction(self, flow: Tensor, camera: Tensor) -> Tensor:
        """Whole vectors, moved by up to half a pixel to where a parabola through the errors beside them has its lowest
        point. Where noise hides that, it is where the camera's motion has its own."""
        middle = remaining = self.error(flow, WIDE_BLOCK)
        shapes = []
        for axis in (0, 1):
            step = torch.zeros(1, 2, 1, 1, device=flow.device)
            step[:, axis] = 1
            low, high = self.error(flow - step, WIDE_BLOCK), self.error(flow + step, WIDE_BLOCK)
            slope, bend = (high - low) / 2, (low + high - 2 * middle).clamp_min(0)
            remaining = remaining - slope.square() / (2 * bend).clamp_min(1e-12)
            shapes.append((slope, bend))
        price = CAUTION * remaining.median().clamp_min(1e-9)  # an error that no fraction explains is noise
        along = (flow == camera).all(dim=1, keepdim=True)
        parts = [(price * self._lowest(slope, bend, along) - slope) / (bend + price) for slope, bend in shapes]
        return flow + torch.cat(parts, dim=1).clamp(-0.5, 0.5)

    @staticmethod
    def _lowest(slope: Tensor, bend: Tensor, moving_along: Tensor) -> Tensor:
        """[1,1,H,W]: the fraction that all blocks which follow the camera agree on; 0 for the others."""
        if not moving_along.any():
            return torch.zeros_like(slope)
        shared = -slope[moving_along].sum() / bend[moving_along].sum().clamp_min(1e-12)
        return shared.clamp(-0.5, 0.5) * moving_along


def box_mean(values: Tensor, side: int) -> Tensor:
    """[1,C,H,W] → mean over the `side`² pixels around each; `side` is odd, and the border goes on."""
    sums = F.pad(values, [side // 2] * 4, mode="replicate")
    if values.device.type != "mps":  # it has no doubles, and differences of long sums need them
        sums = sums.double()
    for axis in (2, 3):  # of running sums: the same work for every side
        sums = sums.cumsum(axis)
        count = values.shape[axis] - 1
        first = sums.narrow(axis, side - 1, 1)
        sums = torch.cat([first, sums.narrow(axis, side, count) - sums.narrow(axis, 0, count)], dim=axis)
    return (sums / side**2).to(values.dtype)


def pixel_grid(image: Tensor) -> Tensor:
    """[1,2,H,W]: row and column of every pixel of [1,C,H,W]."""
    height, width = image.shape[-2:]
    rows = torch.arange(height, dtype=torch.float32, device=image.device)
    columns = torch.arange(width, dtype=torch.float32, device=image.device)
    return torch.stack(torch.meshgrid(rows, columns, indexing="ij"))[None]


def sample(image: Tensor, places: Tensor, mode: str) -> Tensor:
    """[1,C,H,W] read at rows and columns [1,2,H,W]; outside, the border goes on. mode: nearest, bilinear or bicubic."""
    height, width = image.shape[-2:]
    scale = torch.tensor([2 / max(height - 1, 1), 2 / max(width - 1, 1)], device=image.device).view(1, 2, 1, 1)
    grid = (places * scale - 1).flip(1).permute(0, 2, 3, 1)
    return F.grid_sample(image, grid, mode=mode, padding_mode="border", align_corners=True)


def camera_motion(pyramid: Sequence[tuple[Tensor, Tensor]]) -> tuple[int, int]:
    """Rows and columns to where the picture as a whole was before, from pairs of frames [1,1,H,W], fine to coarse.

    The vector of the smallest mean difference where the frames overlap, from coarse to fine.
    """
    rows = columns = 0
    for depth in range(len(pyramid) - 1, -1, -1):
        before, now = pyramid[depth]
        reach = min(now.shape[-2:]) // 3 if depth == len(pyramid) - 1 else 1
        rows, columns = 2 * rows, 2 * columns
        around = [(rows + r, columns + c) for r in range(-reach, reach + 1) for c in range(-reach, reach + 1)]
        rows, columns = min([(0, 0), *around], key=lambda vector: _difference(before, now, *vector))
    return rows, columns


def _difference(before: Tensor, now: Tensor, rows: int, columns: int) -> float:
    """Mean absolute difference between the present and the past `rows` and `columns` away."""
    height, width = now.shape[-2:]
    if abs(rows) >= height or abs(columns) >= width:
        return float("inf")
    here = now[..., max(0, -rows) : height - max(0, rows), max(0, -columns) : width - max(0, columns)]
    there = before[..., max(0, rows) : height + min(0, rows), max(0, columns) : width + min(0, columns)]
    return float((here - there).abs().mean())
