"""Additive white Gaussian noise."""

from __future__ import annotations

import numpy as np


def gaussian(clean: np.ndarray, sigma: float, random: np.random.Generator) -> np.ndarray:
    """clean [H,W,C] + N(0, sigma²); sigma on the [0,1] scale."""
    if not sigma >= 0:
        raise ValueError(f"sigma must not be negative, got {sigma}.")
    return clean + random.standard_normal(clean.shape, dtype=np.float32) * np.float32(sigma)
