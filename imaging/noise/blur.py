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


def smooth_noise(shape: tuple[int, int, int], sigma: float, random: np.random.Generator) -> np.ndarray:
    """Standard normal [H,W,C] whose neighbours are correlated as after a blur of `sigma` pixels; variance 1 everywhere.

    Drawn with a margin, so that the border is like the middle.
    """
    height, width, channels = shape
    if sigma <= 0:
        return random.standard_normal(shape, dtype=np.float32)
    taps = gaussian_taps(sigma)
    taps /= np.sqrt(np.sum(taps**2))
    margin = len(taps) - 1
    field = random.standard_normal((height + margin, width + margin, channels), dtype=np.float32)
    return _valid(_valid(field, taps, 0), taps, 1)


def _along(field: np.ndarray, taps: np.ndarray, axis: int) -> np.ndarray:
    pad = [(0, 0)] * field.ndim
    pad[axis] = (len(taps) // 2, len(taps) // 2)
    return _valid(np.pad(field, pad, mode="symmetric"), taps, axis)


def _valid(field: np.ndarray, taps: np.ndarray, axis: int) -> np.ndarray:
    """Convolution along one axis, shorter by len(taps) − 1."""
    moved = np.moveaxis(field, axis, 0)
    length = len(moved) - len(taps) + 1
    result = taps[0] * moved[:length]
    for k in range(1, len(taps)):
        result += taps[k] * moved[k : k + length]
    return np.moveaxis(result, 0, axis)
