"""Smoothing by partial differential equations: linear heat flow and Perona–Malik's edge-stopping flow (1990)."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from ...monitor import Monitor
from .base import ClassicalDenoiser, register

STEP = 0.2
"""Time step; the explicit five-point scheme is stable up to 1/4."""
HEAT_TIME = 4.0
"""Diffusion time per sigma on the [0,1] scale that maximises PSNR around sigma 25 of 255."""
PERONA_TIME, EDGE = 10.0, 2.2


def _flow(image: Tensor, dim: int, conductance) -> Tensor:
    """Divergence of conductance(∇u)·∇u along one axis, no flux through the border."""
    slope = image.diff(dim=dim)
    flux = conductance(slope) * slope
    edge = torch.zeros_like(image.narrow(dim, 0, 1))
    return torch.cat([flux, edge], dim) - torch.cat([edge, flux], dim)


def _diffuse(image: Tensor, time: float, monitor: Monitor, conductance) -> Tensor:
    """Explicit steps of at most STEP that end exactly at `time`; the mean of every plane is kept."""
    count = math.ceil(time / STEP)
    for index in range(count):
        image = image + time / count * (_flow(image, -1, conductance) + _flow(image, -2, conductance))
        monitor.advance((index + 1) / count)
    return image


def heat(image: Tensor, sigma: Tensor, monitor: Monitor, time: float = HEAT_TIME) -> Tensor:
    """∂u/∂t = Δu until time·sigma: a Gaussian blur of deviation √(2·time·sigma) pixels."""
    return _diffuse(image, time * float(sigma), monitor, lambda slope: 1.0)


def perona_malik(
    image: Tensor, sigma: Tensor, monitor: Monitor, time: float = PERONA_TIME, edge: float = EDGE
) -> Tensor:
    """∂u/∂t = div(g(|∇u|)∇u) with g(s) = exp(−(s/κ)²) and κ = edge·sigma: flat parts are smoothed, edges stay."""
    level = float(sigma)
    if level == 0:
        return image
    return _diffuse(image, time * level, monitor, lambda slope: torch.exp(-((slope / (edge * level)) ** 2)))


register(ClassicalDenoiser("heat", "Heat diffusion", "linear scale space, five-point Laplacian", heat))
register(ClassicalDenoiser("perona_malik", "Perona-Malik diffusion", "Perona, Malik 1990", perona_malik))
