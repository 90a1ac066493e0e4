"""Bilateral filter: near in place and near in colour (Tomasi & Manduchi 1998)."""

from __future__ import annotations

import math

from torch import Tensor

from ...monitor import Monitor
from .base import ClassicalDenoiser, register
from .shifts import shifted_mean

SPREAD = 1.8
RADIUS = 5
COLOUR_GAIN = 2.8


def bilateral(
    image: Tensor, sigma: Tensor, monitor: Monitor, spread: float = SPREAD, gain: float = COLOUR_GAIN
) -> Tensor:
    """Weights exp(−|o|²/2s²)·exp(−|ΔI|²/2r²): spread s in pixels, colour deviation r = gain·sigma.

    image [1,C,H,W]; sigma [1,1,1,1] on the [0,1] scale; |ΔI|² is the mean over planes times their number.
    """
    if float(sigma.max()) == 0:
        return image
    colour = 2 * (gain * sigma) ** 2

    def weight(here: Tensor, there: Tensor, dy: int, dx: int) -> Tensor:
        place = math.exp(-(dy * dy + dx * dx) / (2 * spread**2))
        return place * (-(here - there).square_().sum(dim=1, keepdim=True) / colour).exp_()

    return shifted_mean(image, RADIUS, weight, 0, monitor)


register(ClassicalDenoiser("bilateral", "Bilateral filter", "Tomasi, Manduchi 1998", bilateral))
