"""Stripes of a sensor read out line by line."""

from __future__ import annotations

import numpy as np

from .kind import SIGMA_SCALE, NoiseKind, in_range


def banding(clean: np.ndarray, sigma: float, random: np.random.Generator, columns: bool = False) -> np.ndarray:
    """`clean` [H,W,C] with one N(0, sigma²) offset per row (or column) and channel; sigma on the [0,1] scale."""
    height, width, channels = clean.shape
    lines = (1, width, channels) if columns else (height, 1, channels)
    return clean + random.standard_normal(lines, dtype=np.float32) * np.float32(in_range(sigma, "sigma"))


BANDING = NoiseKind(
    name="banding",
    label="Banding (row stripes)",
    unit="σ on the 0–255 scale",
    tooltip="Every row is shifted up or down as a whole, each channel by itself: the read-out stripes of a sensor.",
    default=5,
    minimum=0,
    maximum=255,
    step=0.5,
    scale=SIGMA_SCALE,
    draw=banding,
)
