"""What is left of Gaussian noise when values beyond black and white are cut off (Foi 2009)."""

from __future__ import annotations

from math import pi, sqrt

import numpy as np
import torch
from torch import Tensor

SATURATED_SHARE = 1e-3
"""Share of values exactly at 0 or 1 from which a picture counts as clipped."""
REACH = 4.0
POINTS = 1025


def is_clipped(frame: Tensor, even: Tensor) -> bool:
    """Whether a frame [C,H,W] stays within [0,1] and touches a bound more often than by chance outside `even` areas."""
    low, high = (float(end) for end in frame.aminmax())
    if low < 0 or high > 1 or 0 < low <= high < 1:
        return False
    photographed = ~even
    bound = ((frame == 0) | (frame == 1)) & photographed
    return int(bound.count_nonzero()) >= SATURATED_SHARE * max(1, int(photographed.count_nonzero()))


def clipped_moments(signal: Tensor, sigma: float) -> tuple[Tensor, Tensor]:
    """Mean and variance of clip(signal + N(0, sigma²), 0, 1), float64 (Foi 2009, "Clipped noisy images")."""
    low, high = (0 - signal) / sigma, (1 - signal) / sigma
    density_low, density_high = (torch.exp(-t * t / 2) / sqrt(2 * pi) for t in (low, high))
    below, above = torch.special.ndtr(low), torch.special.ndtr(high)
    inside, over = above - below, 1 - above
    mean = signal * inside + sigma * (density_low - density_high) + over
    square = (signal**2 + sigma**2) * inside + sigma * (signal * density_low - (signal + 1) * density_high) + over
    return mean, (square - mean**2).clamp_min(0)


def surviving_variance(means: Tensor, sigma: float) -> Tensor:
    """Share of the variance sigma² that clipping leaves where the clipped picture's mean is `means`; same shape.

    1 in the middle tones, towards 0 at black and white.
    """
    signal = torch.linspace(-REACH * sigma, 1 + REACH * sigma, POINTS, dtype=torch.float64)
    mean, variance = clipped_moments(signal, sigma)
    share = np.interp(means.numpy(), mean.numpy(), (variance / sigma**2).numpy())
    return torch.from_numpy(share.astype(np.float32)).view_as(means)
