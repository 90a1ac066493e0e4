"""A heat scale that stays readable in print and for colour-blind eyes: lightness rises evenly from dark to light."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from .srgb import from_linear

STEPS = 256


@lru_cache(maxsize=1)
def _table() -> Tensor:
    """[STEPS,3] sRGB in [0,1], along a curve in OKLab (Ottosson 2020): blue, purple, orange, pale yellow."""
    t = np.linspace(0, 1, STEPS)
    lightness = 0.14 + 0.83 * t
    hue = np.radians(275 + 190 * t)
    chroma = 0.185 * np.sin(np.pi * (0.12 + 0.80 * t))
    a, b = chroma * np.cos(hue), chroma * np.sin(hue)
    cones = np.stack(
        [
            lightness + 0.3963377774 * a + 0.2158037573 * b,
            lightness - 0.1055613458 * a - 0.0638541728 * b,
            lightness - 0.0894841775 * a - 1.2914855480 * b,
        ]
    )
    to_rgb = np.array(
        [
            [4.0767416621, -3.3077115913, 0.2309699292],
            [-1.2684380046, 2.6097574011, -0.3413193965],
            [-0.0041960863, -0.7034186147, 1.7076147010],
        ]
    )
    return torch.from_numpy(from_linear((to_rgb @ cones**3).T.astype(np.float32)))


def heat(values: Tensor) -> Tensor:
    """[...] in [0,1] (values outside are clipped) → [...,3] sRGB in [0,1], dark for 0, pale yellow for 1."""
    index = (values.clamp(0, 1) * (STEPS - 1)).round().long()
    return _table().to(values.device)[index]
