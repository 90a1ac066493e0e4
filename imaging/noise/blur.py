"""A small separable Gaussian blur in numpy, for noise that is coarser than a pixel."""

from __future__ import annotations

import numpy as np


def gaussian_blur(field: np.ndarray, sigma: float) -> np.ndarray:
    """[H,W,C] float32 smoothed with standard deviation `sigma` in pixels (0 = as it is), mirrored at the border."""
    if sigma <= 0:
        return field
    taps = gaussian_taps(sigma)
    for axis in (0, 1):
        field = _along(field, taps, axis)
    return field


def gaussian_taps(sigma: float) -> np.ndarray:
    """Sampled Gaussian, cut at 3 sigma, with sum 1."""
    radius = max(1, int(np.ceil(3 * sigma)))
    taps = np.exp(-0.5 * (np.arange(-radius, radius + 1) / sigma) ** 2)
    return (taps / taps.sum()).astype(np.float32)


def _along(field: np.ndarray, taps: np.ndarray, axis: int) -> np.ndarray:
    radius, length = len(taps) // 2, field.shape[axis]
    pad = [(0, 0)] * field.ndim
    pad[axis] = (radius, radius)
    padded = np.pad(field, pad, mode="symmetric")
    moved = np.moveaxis(padded, axis, 0)
    result = sum(tap * moved[k : k + length] for k, tap in enumerate(taps))
    return np.moveaxis(np.asarray(result), 0, axis)
