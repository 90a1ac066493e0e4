"""Is the noise white, or do neighbours share it, as after demosaicing, compression or resizing? Do the channels?"""

from __future__ import annotations

import torch
from torch import Tensor

from .estimation_flat import FlatAreas
from .estimation_pca import noise_space
from .patches import cut

SIDE = 5
LIMIT = 8_000
"""Patches of each of the four pictures that are left when every second pixel is dropped."""
SMALLEST = 64
COLOUR_THRESHOLD = 1.3
"""White noise in colour photographs gives 0.99 to 1.05 (at sigma 2, up to 1.2), demosaiced noise 1.8 and more, noise of
sigma 5 in a JPEG of quality 90 1.4 and more."""
GRAY_THRESHOLD = 6.0
SHARED_TILT, SHARED_RATIO = 1.8, 1.4
"""With white noise in each channel the flattest areas of colour photographs vary by up to 1.2 times as much, or have a
tilt of 2.2 and more, as texture has; noise that the channels share varies by 1.4 to 30 times as much, at 1.0 to 1.7."""


def coarse_sigma(planes: Tensor) -> float | None:
    """Typical sigma of a colour picture [3,H,W] on every second pixel, all four ways; None for a small picture."""
    if min(planes.shape[-2:]) < SMALLEST:
        return None
    phases = [cut(planes[:, y::2, x::2], SIDE, LIMIT) for y in (0, 1) for x in (0, 1)]
    return noise_space(torch.cat([phase.detail.flatten(1) for phase in phases])).typical


def is_correlated(planes: Tensor, fine: float, flat: FlatAreas | None) -> bool:
    """Whether the noise of [1 or 3,H,W] is spatially correlated, so that white-noise estimates are lower bounds.

    Dropping every second pixel leaves white noise as strong as it was, while correlated noise gains the high
    frequencies that it is measured by. On colour pictures texture does not disturb the answer. Gray ones are asked
    for the spectrum of their flat areas, and fine texture all over, under weak noise, passes for correlated noise.

    Args:
        fine: typical sigma measured on all pixels. flat: of the same picture.
    """
    if planes.shape[0] > 1:
        coarse = coarse_sigma(planes)
        return coarse is not None and coarse > COLOUR_THRESHOLD * fine
    return flat is not None and flat.tilt > GRAY_THRESHOLD


def is_shared(white: float, flat: FlatAreas) -> bool:
    """Whether the channels of a colour picture share their noise, as monochrome grain: most directions are without it.

    Args:
        white: sigma of the white noise that each channel has for itself. flat: of the same picture.
    """
    return white > 0 and flat.tilt < SHARED_TILT and flat.sigma > SHARED_RATIO * white
