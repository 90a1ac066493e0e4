"""The heat equation ∂u/∂t = Δu, an explicit step at a time."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor


def heat_step(image: Tensor, rate: float, border: str = "edge") -> Tensor:
    """[B,C,H,W] → u + rate·Δu with the five-point Laplacian; stable up to a rate of 1/4.

    border: 'edge' repeats the outermost pixels (no flux, every plane keeps its mean); 'reflect' mirrors around them,
    as `np.pad(mode="reflect")` does.
    """
    padded = _pad(_pad(image, (1, 1, 0, 0), border), (0, 0, 1, 1), border)
    neighbours = padded[..., :-2, 1:-1] + padded[..., 2:, 1:-1]
    neighbours.add_(padded[..., 1:-1, :-2]).add_(padded[..., 1:-1, 2:])
    return (image * (1 - 4 * rate)).add_(neighbours, alpha=rate)


def _pad(image: Tensor, widths: tuple[int, int, int, int], border: str) -> Tensor:
    side = image.shape[-1] if widths[0] else image.shape[-2]
    mirror = border == "reflect" and side > 1  # a single line has nothing to mirror but itself
    return F.pad(image, widths, "reflect" if mirror else "replicate")
