"""Generalised Anscombe transform: noise of variance a·signal + b becomes noise of one sigma everywhere, and back.

Mäkitalo & Foi 2013, "Optimal inversion of the generalized Anscombe transformation for Poisson-Gaussian noise".
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from math import sqrt

import numpy as np
import torch
from torch import Tensor

from .level import DenoiseError

TABLE_END = 100.0
"""Photons up to which the inverse is computed exactly; beyond, the asymptotic one is less than 1e-3 photons off."""
TABLE_POINTS = 600
DEVIATIONS, NODES = 8.0, 801


@dataclass(frozen=True)
class Stabiliser:
    """The transform of pictures whose noise has variance a·signal + b, scaled so that signals 0 and 1 go to 0 and 1.

    a: signal of one photon; b: variance of the read noise; [0,1] scale, linear light.

    Raises:
        DenoiseError: a or b negative or not finite, or both zero.
    """

    a: float
    b: float

    def __post_init__(self) -> None:
        usable = np.isfinite(self.a) and np.isfinite(self.b) and self.a >= 0 and self.b >= 0 and self.a + self.b > 0
        if not usable:
            raise DenoiseError(
                f"a = {self.a:g} and b = {self.b:g} describe no noise; both must be at least 0 and one above it."
            )

    @property
    def sigma(self) -> float:
        """Standard deviation of the stabilised noise, on the scale of the stabilised picture."""
        return sqrt(self.b) if self.a == 0 else 1 / self._span

    def forward(self, noisy: Tensor) -> Tensor:
        """Noisy picture, any shape → stabilised float32 picture, about [0,1]."""
        if self.a == 0:
            return noisy.float()
        # Double precision: little shot noise is a small difference of large roots.
        root = self._root(noisy.double() / self.a)
        return ((root - self._black) / self._span).float()

    def inverse(self, stabilised: Tensor) -> Tensor:
        """Denoised stabilised picture → its signal, float32, without bias: inverts E[transform | signal].

        The algebraic inverse would be too dark where photons are few. Results are never negative.
        """
        if self.a == 0:
            return stabilised.float()
        root = (stabilised.double() * self._span + self._black).cpu().numpy()
        photons = _exact_inverse(root, self._read)
        return torch.from_numpy(np.asarray(photons * self.a)).to(stabilised.device, torch.float32)

    @property
    def _read(self) -> float:
        """Standard deviation of the read noise in photons."""
        return sqrt(self.b) / self.a

    def _root(self, photons: Tensor) -> Tensor:
        """f(z) = 2·sqrt(max(z + 3/8 + s², 0)), s the read noise."""
        return 2 * (photons + 3 / 8 + self._read**2).clamp_min(0).sqrt()

    @property
    def _black(self) -> float:
        return float(self._root(torch.zeros((), dtype=torch.float64)))

    @property
    def _span(self) -> float:
        return float(self._root(torch.tensor(1 / self.a, dtype=torch.float64))) - self._black


def _exact_inverse(root: np.ndarray, read: float) -> np.ndarray:
    """Photons whose mean transformed value is `root`."""
    means, photons = _table(read)
    # Asymptotically unbiased inverse: the curvature of the root turns −3/8 into −1/8.
    asymptotic = root**2 / 4 - 1 / 8 - read**2
    return np.where(root < means[-1], np.interp(root, means, photons), asymptotic)


@lru_cache(maxsize=32)
def _table(read: float) -> tuple[np.ndarray, np.ndarray]:
    """E[f(z) | y] for y from 0 to TABLE_END photons, rising, and those y."""
    photons = np.linspace(0, sqrt(TABLE_END), TABLE_POINTS) ** 2
    counts = np.arange(0, int(TABLE_END + 12 * sqrt(TABLE_END)))
    gauss = np.linspace(-DEVIATIONS, DEVIATIONS, NODES)
    weights = np.exp(-(gauss**2) / 2)
    values = 2 * np.sqrt(np.maximum(counts[:, None] + read * gauss + 3 / 8 + read**2, 0)) @ (weights / weights.sum())
    log_factorial = np.concatenate([[0.0], np.cumsum(np.log(counts[1:]))])
    log_mean = np.log(np.maximum(photons, 1e-300))
    poisson = np.exp(counts * log_mean[:, None] - photons[:, None] - log_factorial)
    return poisson @ values / poisson.sum(axis=1), photons
