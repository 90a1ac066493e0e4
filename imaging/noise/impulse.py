"""Impulse noise: some values are lost altogether, the others untouched."""

from __future__ import annotations

import numpy as np

from .kind import NoiseKind, in_range


def _hit(shape: tuple[int, ...], density: float, random: np.random.Generator, whole_pixels: bool) -> np.ndarray:
    """Boolean [H,W,C] or, for whole pixels, [H,W,1]: which values are lost."""
    where = (*shape[:2], 1) if whole_pixels else shape
    return random.random(where, dtype=np.float32) < in_range(density, "density", 0, 1)


def salt_and_pepper(
    clean: np.ndarray, density: float, random: np.random.Generator, whole_pixels: bool = False
) -> np.ndarray:
    """Each value becomes 0 or 1 (equally likely) with probability `density`.

    whole_pixels: all channels of a pixel together; by default each channel by itself, as MATLAB and scikit-image do.
    """
    hit = _hit(clean.shape, density, random, whole_pixels)
    extreme = random.integers(0, 2, hit.shape, dtype=np.uint8).astype(np.float32)
    return np.where(hit, extreme, clean)


def random_impulse(
    clean: np.ndarray, density: float, random: np.random.Generator, whole_pixels: bool = False
) -> np.ndarray:
    """Each value is replaced by a uniform draw from [0,1] with probability `density`.

    whole_pixels: a hit pixel loses all its channels (each to a draw of its own); by default channels are hit singly.
    """
    hit = _hit(clean.shape, density, random, whole_pixels)
    return np.where(hit, random.random(clean.shape, dtype=np.float32), clean)


SALT_AND_PEPPER = NoiseKind(
    name="salt_and_pepper",
    label="Salt and pepper",
    unit="% of values",
    tooltip="That share of all values becomes black or white, each channel by itself.",
    default=10,
    minimum=0,
    maximum=100,
    step=0.5,
    scale=0.01,
    draw=salt_and_pepper,
)
RANDOM_IMPULSE = NoiseKind(
    name="random_impulse",
    label="Random-valued impulses",
    unit="% of values",
    tooltip="That share of all values is replaced by a random one, each channel by itself.",
    default=10,
    minimum=0,
    maximum=100,
    step=0.5,
    scale=0.01,
    draw=random_impulse,
)
