"""Choosing a denoiser's setting without a clean picture, by J-invariance (Noise2Self, arXiv 1901.11365)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import torch
import torch.nn.functional as F
from torch import Tensor

from ..monitor import Monitor

Setting = TypeVar("Setting")
STRIDE = 4
"""One pixel in STRIDE² is hidden at a time: far enough apart that its neighbours are all visible."""

CELLS = [(row, (column + shift) % STRIDE) for shift in (0, 2, 1, 3) for row, column in ((0, 0), (2, 1), (1, 3), (3, 2))]
"""Hidden pixels in the 4×4 cell, in an order that meets all rows, columns and colours of a sensor's mosaic at once."""


@dataclass(frozen=True)
class Tuning:
    """The best setting's index, and the self-supervised loss of every setting (mean squared error plus noise)."""

    best: int
    losses: tuple[float, ...]


def hide(image: Tensor, row: int, column: int, stride: int = STRIDE) -> tuple[Tensor, Tensor]:
    """[B,C,H,W] with every stride-th pixel replaced by the mean of its four neighbours, and the mask [1,1,H,W]."""
    mask = torch.zeros_like(image[:1, :1], dtype=torch.bool)
    mask[..., row::stride, column::stride] = True
    cross = torch.tensor([[0.0, 1, 0], [1, 0, 1], [0, 1, 0]], device=image.device).view(1, 1, 3, 3) / 4
    # Mirrored, because a repeated border would show a hidden pixel to itself.
    padded = F.pad(
        image.flatten(0, 1)[:, None], (1, 1, 1, 1), mode="reflect" if min(image.shape[-2:]) > 1 else "replicate"
    )
    around = F.conv2d(padded, cross).view_as(image)
    return torch.where(mask, around, image), mask


def auto_tune(
    run: Callable[[Tensor, Setting, Monitor], Tensor],
    image: Tensor,
    settings: Sequence[Setting],
    *,
    masks: int = 4,
    monitor: Monitor | None = None,
) -> Tuning:
    """The setting whose estimate of hidden pixels is nearest to what the camera saw there.

    The hidden pixels' own noise is independent of the rest, so the loss is the true error plus a constant (eq. 2).

    Args:
        run: (picture [B,C,H,W], setting, monitor) → clean estimate.
        image: the noisy picture [B,C,H,W]. settings: what to choose from.
        masks: how many of the 16 grids of hidden pixels to average over.

    Raises:
        ValueError: no settings, or masks outside 1..16.
    """
    if not settings:
        raise ValueError("auto-tune needs at least one setting to choose from.")
    if not 1 <= masks <= STRIDE**2:
        raise ValueError(f"masks must be between 1 and {STRIDE**2}, got {masks}.")
    monitor = monitor or Monitor()
    cells = CELLS[:masks]
    losses = []
    for number, setting in enumerate(settings):
        share = monitor.part(number, len(settings))
        losses.append(
            sum(_loss(run, image, setting, cell, share.part(i, masks)) for i, cell in enumerate(cells)) / masks
        )
        share.advance(1.0)
    return Tuning(min(range(len(losses)), key=losses.__getitem__), tuple(losses))


def _loss(run, image: Tensor, setting, cell: tuple[int, int], monitor: Monitor) -> float:
    hidden, mask = hide(image, *cell)
    error = (run(hidden, setting, monitor) - image).square()
    return float(error.masked_select(mask.expand_as(error)).mean()) if mask.any() else 0.0
