"""How much picture was removed with the noise, without knowing the clean picture."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from .noise.blur import gaussian_blur
from .residual import removed

LAG = 3
"""Pixels along an edge: beyond the reach of demosaicking's noise correlation, still on the same edge."""
SHADING, FINE = 8.0, 2.0
"""Pixels: what is smoother than SHADING is not looked at; what is finer than FINE is the picture's detail."""
EDGE_SCALE, ORIENTATION_SCALE = 1.0, 1.5
SMALLEST = 32
CERTAIN = 3.0
"""Standard errors from which on a correlation is not called chance."""
NOTHING = 1e-10
"""Mean square below which there is only rounding left."""


def structure_leak(noisy: Tensor, denoised: Tensor) -> Tensor:
    """[B,H,W,C] twice → [B] share of the removed energy that runs along the picture's edges, in [0,1], float64.

    Noise at a pixel says nothing about the noise LAG pixels further along an edge; removed picture detail goes on
    there. So the correlation of the residual with itself along the edges of the denoised picture is 0 on average for
    noise, white or correlated over a pixel or two, however much of it is removed. It is divided by the same
    correlation of the denoised picture's own fine detail, which says how high it would be if nothing but detail were
    removed. Texture without direction goes unseen, so the score is a lower bound. 0 where the correlation is within
    three standard errors of 2/√(pixels) each, as noise alone may have it; NaN below 32×32 pixels.

    Orientation from the structure tensor (Bigün & Granlund 1987).

    Raises:
        DenoiseError: the sizes differ.
    """
    residual = removed(noisy, denoised)
    leaks = [
        _leak(r.mean(-1, keepdim=True).numpy(), d.mean(-1, keepdim=True).numpy())
        for r, d in zip(residual.float().cpu(), denoised.float().cpu(), strict=True)
    ]
    return torch.tensor(leaks, dtype=torch.float64)


def _leak(residual: np.ndarray, denoised: np.ndarray) -> float:
    """[H,W,1] twice → the score of one picture."""
    if min(residual.shape[:2]) < SMALLEST:
        return math.nan
    along = _one_step_along_edges(denoised)
    residual = residual - gaussian_blur(residual, SHADING)
    likeness = _likeness(residual, along)
    possible = _likeness(denoised - gaussian_blur(denoised, FINE), along)
    chance = CERTAIN * 2 / math.sqrt(residual.size)
    return float(np.clip(likeness / possible, 0, 1)) if min(likeness, possible) > chance else 0.0


def _one_step_along_edges(picture: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rows and columns [H,W] of the pixel that lies LAG further along the local edge."""
    smooth = gaussian_blur(picture, EDGE_SCALE)
    down, right = (np.gradient(smooth, axis=axis) for axis in (0, 1))
    rr, dd, rd = (gaussian_blur(product, ORIENTATION_SCALE)[..., 0] for product in (right**2, down**2, right * down))
    angle = 0.5 * np.arctan2(2 * rd, rr - dd) + np.pi / 2  # across the mean gradient
    height, width = angle.shape
    rows = np.arange(height)[:, None] + np.rint(LAG * np.sin(angle)).astype(int)
    columns = np.arange(width) + np.rint(LAG * np.cos(angle)).astype(int)
    return np.clip(rows, 0, height - 1), np.clip(columns, 0, width - 1)


def _likeness(field: np.ndarray, along: tuple[np.ndarray, np.ndarray]) -> float:
    """Correlation of a field [H,W,1] with itself along the edges."""
    plane = field[..., 0].astype(np.float64)
    energy = float(np.sum(plane**2))
    return float(np.sum(plane * plane[along])) / energy if energy > NOTHING * plane.size else 0.0
