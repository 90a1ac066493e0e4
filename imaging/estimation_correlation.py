"""Is the noise white, or do neighbours share it, as after demosaicing, compression or resizing?"""

from __future__ import annotations

import torch
from torch import Tensor

from .estimation_flat import FlatAreas
from .estimation_pca import flat_sigma, noise_space
from .patches import cut

SIDE = 5
LIMIT = 8_000
"""Patches of each of the four pictures that are left when every second pixel is dropped."""
SMALLEST = 64
COLOUR_THRESHOLD = 1.15
"""White noise in colour photographs gives 0.99 to 1.04; demosaiced or JPEG-compressed noise 1.3 and more."""
GRAY_THRESHOLD = 5.0


def coarse_sigma(planes: Tensor) -> float | None:
    """Sigma of a colour picture [3,H,W] measured on every second pixel, all four ways; None for a small picture."""
    if min(planes.shape[-2:]) < SMALLEST:
        return None
    phases = [cut(planes[:, y::2, x::2], SIDE, LIMIT) for y in (0, 1) for x in (0, 1)]
    detail = torch.cat([phase.detail.flatten(1) for phase in phases])
    return flat_sigma(noise_space(detail), phases[0].independent)


def is_correlated(planes: Tensor, fine: float, flat: FlatAreas | None) -> bool:
    """Whether the noise of [1 or 3,H,W] is spatially correlated, so that white-noise estimates are lower bounds.

    Dropping every second pixel leaves white noise as strong as it was, while correlated noise gains the high
    frequencies that it is measured by. On colour pictures texture does not disturb the answer. Gray ones are asked
    for the spectrum of their flat areas, and fine texture all over, under weak noise, passes for correlated noise.

    Args:
        fine: sigma measured on all pixels, without correction for clipping. flat: of the same picture.
    """
    if planes.shape[0] > 1:
        coarse = coarse_sigma(planes)
        return coarse is not None and coarse > COLOUR_THRESHOLD * fine
    return flat is not None and flat.tilt > GRAY_THRESHOLD
