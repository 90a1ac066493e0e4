"""Sigma of white noise from the smallest principal components of patches, measured where the picture is flat.

Pictures fill few directions of patch space, white noise all of them alike (Liu et al. 2013; Chen, Zhu & Heng 2015).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

LEAST_SHARE = 0.4
"""Share of the directions that always counts as noise: fewer would pick the smallest by chance."""
CONFIDENCE = 3.0
"""Standard errors by which estimates from flatter patches must fall below to be preferred."""
FEWEST_PATCHES = 50
LONGEST_HALVING = 9


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


def flat_sigma(space: NoiseSpace, independent: float) -> float:
    """Standard deviation in the noise directions of the flattest patches, as many as agree with each other.

    White noise in the noise directions knows nothing of the picture directions, so choosing patches by `texture` does
    not bias it. Texture only adds: the largest share of patches is taken that no smaller, flatter share
    contradicts (Lepski's rule).

    Args:
        independent: see `Patches.independent`.
    """
    flattest = space.squares[space.texture.argsort()]
    counts = [len(flattest) >> k for k in range(LONGEST_HALVING + 1) if len(flattest) >> k >= FEWEST_PATCHES]
    counts = counts or [len(flattest)]
    sigmas = [float(flattest[:count].mean(dim=0).median().sqrt()) for count in counts]
    errors = [(2 * count * space.squares.shape[1] * independent) ** -0.5 for count in counts]
    for index, (sigma, error) in enumerate(zip(sigmas, errors, strict=True)):
        flatter = zip(sigmas[index + 1 :], errors[index + 1 :], strict=True)
        if all(sigma <= other * (1 + CONFIDENCE * (error + spread)) for other, spread in flatter):
            return sigma
    return sigmas[-1]
