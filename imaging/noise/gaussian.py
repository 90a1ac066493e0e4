"""Additive white Gaussian noise."""

from __future__ import annotations

import numpy as np

from .kind import SIGMA_SCALE, NoiseKind, in_range


def gaussian(clean: np.ndarray, sigma: float, random: np.random.Generator) -> np.ndarray:
    """clean [H,W,C] + N(0, sigma²); sigma on the [0,1] scale."""
    sigma = in_range(sigma, "sigma")
    noise = random.standard_normal(clean.shape, dtype=np.float32)
    noise *= np.float32(sigma)
    noise += clean
    return noise


GAUSSIAN = NoiseKind(
    name="gaussian",
    label="Gaussian",
    unit="σ on the 0–255 scale",
    tooltip="White Gaussian noise, the same everywhere: the yardstick of the literature (15, 25, 50).",
    default=25,
    minimum=0,
    maximum=255,
    step=0.5,
    scale=SIGMA_SCALE,
    draw=gaussian,
)
