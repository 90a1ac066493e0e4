"""What Langevin and EDM share: the sample is the picture plus noise of deviation sigma, both on the [0,1] scale."""

from __future__ import annotations

from torch import Tensor

from ..imaging.level import DenoiseError
from ..imaging.randomness import normal

GRAY = 0.5
"""The mean a sample of pure noise is centred on: the middle of the [0,1] scale."""


def check_levels(smallest: float, largest: float) -> None:
    """Raise DenoiseError unless 0 < smallest <= largest, both on the [0,1] scale."""
    if not 0 < smallest <= largest < float("inf"):
        raise DenoiseError(
            f"noise levels must be above 0 and the smallest not above the largest, got {smallest} and {largest}."
        )


def pure_noise(shape: tuple[int, ...], sigma: float, seed: int, first_frame: int) -> Tensor:
    """[B,C,H,W] N(1/2, sigma²)."""
    return normal(shape, seed, 0, first_frame).mul_(sigma).add_(GRAY)
