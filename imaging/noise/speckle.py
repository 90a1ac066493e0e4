"""Multiplicative noise of radar, ultrasound and laser light."""

from __future__ import annotations

import numpy as np

from .kind import SIGMA_SCALE, NoiseKind, in_range


def speckle(clean: np.ndarray, sigma: float, random: np.random.Generator) -> np.ndarray:
    """clean·(1 + N(0, sigma²)), as scikit-image's 'speckle' without its clipping; sigma is that of a white pixel."""
    sigma = in_range(sigma, "sigma")
    return clean * (1 + random.standard_normal(clean.shape, dtype=np.float32) * np.float32(sigma))


SPECKLE = NoiseKind(
    name="speckle",
    label="Speckle",
    unit="σ at white on the 0–255 scale",
    tooltip="Noise in proportion to the brightness, as in radar and ultrasound: black stays clean.",
    default=50,
    minimum=0,
    maximum=255,
    step=0.5,
    scale=SIGMA_SCALE,
    draw=speckle,
)
