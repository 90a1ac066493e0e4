"""Shot and read noise on a linear sensor: variance a·signal + b."""

from __future__ import annotations

import numpy as np

from .kind import SIGMA_SCALE, NoiseKind, in_range

READ_SHARE = 0.2
"""Read noise of the one-number kind, as a share of the shot noise at white."""


def shot_and_read(clean: np.ndarray, a: float, b: float, random: np.random.Generator) -> np.ndarray:
    """a·Poisson(clean/a) + N(0, b): mean `clean`, variance a·clean + b (Foi et al. 2008).

    Args:
        clean: [H,W,C], linear light on the [0,1] scale; negative values count as 0. a: signal of one photon (0 = no
        shot noise). b: variance of the read noise.
    """
    a, b = in_range(a, "shot noise a"), in_range(b, "read noise variance b")
    photons = np.maximum(clean, 0)
    if a > 0:
        photons = random.poisson(photons.astype(np.float64) / a) * a
    read = random.standard_normal(clean.shape, dtype=np.float32) * np.float32(b**0.5)
    return photons.astype(np.float32) + read


def poisson_gaussian(
    clean: np.ndarray, amount: float, random: np.random.Generator, read_share: float = READ_SHARE
) -> np.ndarray:
    """`shot_and_read` told by one number: the standard deviation of the shot noise at white, [0,1] scale.

    a = amount², b = (read_share·amount)².
    """
    amount = in_range(amount, "shot noise at white")
    return shot_and_read(clean, amount**2, (in_range(read_share, "read_share") * amount) ** 2, random)


POISSON_GAUSSIAN = NoiseKind(
    name="poisson_gaussian",
    label="Shot and read (Poisson–Gaussian)",
    unit="σ at white on the 0–255 scale",
    tooltip="Photon noise that grows with the root of the brightness, plus a fifth as much constant read noise. "
    "The values are taken as linear light.",
    default=25,
    minimum=0,
    maximum=255,
    step=0.5,
    scale=SIGMA_SCALE,
    draw=poisson_gaussian,
)
