"""Smoothing by partial differential equations: linear heat flow and Perona–Malik's edge-stopping flow (1990)."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from ...imaging.heat import heat_step
from ...monitor import Monitor
from .base import ClassicalDenoiser, register

STEP = 0.2
"""Time step; the explicit five-point scheme is stable up to 1/4."""
HEAT_TIME = 4.0
"""Diffusion time per sigma on the [0,1] scale that maximises PSNR around sigma 25 of 255."""
PERONA_TIME, EDGE = 10.0, 2.2


def _diffuse(image: Tensor, time: float, monitor: Monitor, step: Callable[[Tensor, float], Tensor]) -> Tensor:
    """Explicit steps of at most STEP that end exactly at `time`; the mean of every plane is kept."""
    count = math.ceil(time / STEP)
    for index in range(count):
        image = step(image, time / count)
        monitor.advance((index + 1) / count)
    return image


def heat(image: Tensor, sigma: Tensor, monitor: Monitor, time: float = HEAT_TIME) -> Tensor:
    """∂u/∂t = Δu until time·sigma: a Gaussian blur of deviation √(2·time·sigma) pixels."""
    return _diffuse(image, time * float(sigma), monitor, heat_step)


def perona_malik(
    image: Tensor, sigma: Tensor, monitor: Monitor, time: float = PERONA_TIME, edge: float = EDGE
) -> Tensor:
    """∂u/∂t = div(g(|∇u|)∇u) with g(s) = exp(−(s/κ)²) and κ = edge·sigma: flat parts are smoothed, edges stay."""
    level = float(sigma)
    if level == 0:
        return image

    def flow(u: Tensor, dim: int) -> Tensor:
        """div(g(∇u)·∇u) along one axis, no flux through the border."""
        slope = u.diff(dim=dim)
        flux = torch.exp(-((slope / (edge * level)) ** 2)) * slope
        border = torch.zeros_like(u.narrow(dim, 0, 1))
        return torch.cat([flux, border], dim) - torch.cat([border, flux], dim)

    return _diffuse(image, time * level, monitor, lambda u, step: u + step * (flow(u, -1) + flow(u, -2)))


register(ClassicalDenoiser("heat", "Heat diffusion", "linear scale space, five-point Laplacian", heat))
register(ClassicalDenoiser("perona_malik", "Perona-Malik diffusion", "Perona, Malik 1990", perona_malik))
