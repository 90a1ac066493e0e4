"""Sigma of white noise from the smallest principal components of patches, measured where the picture is flat.

Pictures fill few directions of patch space, white noise all of them alike (Liu et al. 2013; Chen, Zhu & Heng 2015).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from .patches import Patches

LEAST_SHARE = 0.4
"""Share of the directions that always counts as noise: fewer would pick the smallest by chance."""
CONFIDENCE = 3.0
"""Standard errors by which estimates from flatter patches must fall below to be preferred."""
FEWEST_PATCHES = 50
LONGEST_HALVING = 9
TINY = 1e-20
NO_NOISE = 1e-12
"""Mean square that rounding may leave in a patch of one value."""


@dataclass(frozen=True)
class NoiseSpace:
    """Patch detail turned into its principal directions, noise first.

    squares: [N,n] squared coordinates in the n noise directions. texture: [N] energy in all others.
    weights: [D] mean square of the noise directions' entries, sum 1: how much each coordinate counts in `energy`.
    """

    squares: Tensor
    texture: Tensor
    weights: Tensor

    @property
    def energy(self) -> Tensor:
        """[N] mean square in the noise directions: each patch's own estimate of the noise variance."""
        return self.squares.mean(dim=1)

    @property
    def typical(self) -> float:
        """Standard deviation in the noise directions of the median patch that holds any noise."""
        energy = self.energy
        energy = energy[energy > NO_NOISE]
        return float(sigma_of_median(energy.median(), self.squares.shape[1])) if len(energy) else 0.0


def noise_space(detail: Tensor) -> NoiseSpace:
    """Split patch detail [N,D] (zero mean) into noise and picture directions."""
    covariance = (detail.T @ detail).double() / len(detail)
    variances, directions = torch.linalg.eigh(covariance)
    count = max(redundant(variances), int(LEAST_SHARE * len(variances)), 1)
    coordinates = detail @ directions.to(detail.dtype)
    return NoiseSpace(
        squares=coordinates[:, :count].square(),
        texture=coordinates[:, count:].square().sum(dim=1),
        weights=directions[:, :count].square().mean(dim=1),
    )


def redundant(variances: Tensor) -> int:
    """How many of the smallest of these ascending variances are noise alone (the rule of Chen et al. 2015).

    Noise variances scatter evenly: their mean does not exceed their median; the picture's lift the mean.
    """
    count = torch.arange(1, len(variances) + 1)
    means = variances.cumsum(0) / count
    medians = (variances[(count - 1) // 2] + variances[count // 2]) / 2
    fits = torch.nonzero(means <= medians)
    return int(fits[-1]) + 1 if len(fits) else 1


def sigma_of_median(energy: Tensor, count: int) -> Tensor:
    """Median energies over `count` directions → sigma; a chi-square's median is (1 − 2/(9n))³ of its mean."""
    return (energy / (1 - 2 / (9 * count)) ** 3).sqrt()


def flat_sigma(space: NoiseSpace, patches: Patches) -> float:
    """Standard deviation in the noise directions of the flattest patches, as many as agree with each other.

    White noise in the noise directions knows nothing of the other directions, so choosing flat patches does not bias
    it. Texture only adds: the largest share of patches is taken that no smaller, flatter share contradicts (Lepski's
    rule).

    Args:
        patches: those the space was made of; their number of channels and their overlap matter here.
    """
    flattest = _flattest_first(space, patches.values.shape[1] > 1)
    counts = [len(flattest) >> k for k in range(LONGEST_HALVING + 1) if len(flattest) >> k >= FEWEST_PATCHES]
    counts = counts or [len(flattest)]
    sigmas = [float(flattest[:count].mean(dim=0).median().sqrt()) for count in counts]
    errors = [(2 * count * space.squares.shape[1] * patches.independent) ** -0.5 for count in counts]
    for index, (sigma, error) in enumerate(zip(sigmas, errors, strict=True)):
        flatter = zip(sigmas[index + 1 :], errors[index + 1 :], strict=True)
        if all(sigma <= other * (1 + CONFIDENCE * (error + spread)) for other, spread in flatter):
            return sigma
    return sigmas[-1]


def _flattest_first(space: NoiseSpace, colour: bool) -> Tensor:
    """The squares with the patches in order of flatness.

    In colour, flat is what has little texture for its noise, so that noise that varies over the picture is met
    everywhere: one half of the noise directions chooses the patches on which the other half is measured. Gray
    pictures have texture in their noise directions too, which would pass for noise; there, flat is what has little
    texture.
    """
    if not colour:
        return space.squares[space.texture.argsort()]
    halves = space.squares[:, ::2], space.squares[:, 1::2]
    orders = [(space.texture / (half.mean(dim=1) + TINY)).argsort() for half in halves]
    return torch.cat([halves[1][orders[0]], halves[0][orders[1]]], dim=1)
