"""The sRGB transfer curve (IEC 61966-2-1), for noise that is born in linear light."""

from __future__ import annotations

import numpy as np


def to_linear(encoded: np.ndarray) -> np.ndarray:
    """sRGB values in [0,1] → linear light in [0,1], float32; values outside are clipped."""
    encoded = np.clip(encoded, 0, 1).astype(np.float32, copy=False)
    return np.where(encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** np.float32(2.4))


def from_linear(linear: np.ndarray) -> np.ndarray:
    """Linear light in [0,1] → sRGB values in [0,1], float32; values outside are clipped, as a camera does."""
    linear = np.clip(linear, 0, 1).astype(np.float32, copy=False)
    return np.where(linear <= 0.0031308, linear * 12.92, 1.055 * linear ** np.float32(1 / 2.4) - 0.055)
