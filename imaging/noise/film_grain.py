"""Film grain: soft clumps, mostly without colour, strongest in the middle tones."""

from __future__ import annotations

import numpy as np

from .blur import smooth_noise
from .kind import SIGMA_SCALE, NoiseKind, in_range


def film_grain(
    clean: np.ndarray, sigma: float, random: np.random.Generator, size: float = 0.8, colour: float = 0.25
) -> np.ndarray:
    """`clean` [H,W,C] plus grain whose standard deviation is 2·sigma·sqrt(x·(1 − x)): `sigma` at middle gray.

    A point of the film is covered by a grain or it is not, with variance x·(1 − x): nothing at black and white (the
    Boolean model of Newson, Delon & Galerne 2017).

    Args:
        sigma: on the [0,1] scale. size: of the clumps, as the standard deviation in pixels of the smoothing.
        colour: share of the variance that each layer of the film has for itself, 0 = gray grain.
    """
    sigma, colour = in_range(sigma, "sigma"), in_range(colour, "colour", 0, 1)
    size = in_range(size, "size", 0, 100)
    height, width, channels = clean.shape
    shared = smooth_noise((height, width, 1), size, random)
    own = smooth_noise((height, width, channels), size, random)
    grain = np.float32((1 - colour) ** 0.5) * shared + np.float32(colour**0.5) * own
    tone = np.clip(clean, 0, 1)
    return clean + np.float32(2 * sigma) * np.sqrt(tone * (1 - tone)) * grain


FILM_GRAIN = NoiseKind(
    name="film_grain",
    label="Film grain",
    unit="σ at middle gray on the 0–255 scale",
    tooltip="Soft, mostly colourless clumps, strongest in the middle tones and absent from black and white.",
    default=15,
    minimum=0,
    maximum=255,
    step=0.5,
    scale=SIGMA_SCALE,
    draw=film_grain,
)
