"""Any denoiser of Gaussian noise, fitted to shot and read noise."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from ...imaging.anscombe import Stabiliser
from ...imaging.estimation_signal import PoissonGaussian, fit_poisson_gaussian
from ...imaging.level import Level
from ...monitor import Monitor
from ..contract import Denoiser, Spec


@dataclass(frozen=True)
class VarianceStabilised:
    """Stabilises the variance, denoises, and inverts without bias (Mäkitalo & Foi 2013).

    denoiser: made for Gaussian noise. a, b: the noise variance is a·signal + b on the [0,1] scale, linear light; None
    = measured in every frame. The noise is known from them, so the sigma of a level is ignored.

    Raises:
        DenoiseError: a or b negative, not finite, or both zero.
    """

    denoiser: Denoiser
    a: float | None = None
    b: float | None = None

    def __post_init__(self) -> None:
        if self.a is not None and self.b is not None:
            Stabiliser(self.a, self.b)

    @property
    def spec(self) -> Spec:
        """That of the denoiser inside, seen from outside: blind, and clean pictures for answers."""
        inner = self.denoiser.spec
        return replace(
            inner, name=f"{inner.name} stabilised", prediction="clean", conditioning="none", sigma_range=None
        )

    def __call__(self, image: Tensor, level: Level = Level(), monitor: Monitor | None = None) -> Tensor:
        """See `Denoiser`. A frame in which no noise is found comes back as it is."""
        monitor = monitor or Monitor()
        clean = image.float().clone()
        noise = [self._noise(frame[None]) for frame in image]
        for index, found in enumerate(noise):
            one = slice(index, index + 1)
            part = monitor.part(index, len(noise))
            if found.a + found.b > 0:
                clean[one] = self._frame(image[one], level.frames(index, index + 1), found, part)
            part.advance(1.0)
        monitor.note("noise variance", "; ".join(f"{n.a:.3g}·signal + {n.b:.3g}" for n in noise))
        return clean

    def _noise(self, frame: Tensor) -> PoissonGaussian:
        if self.a is not None and self.b is not None:
            return PoissonGaussian(self.a, self.b)
        measured = fit_poisson_gaussian(frame)[0]
        a = measured.a if self.a is None else self.a
        return PoissonGaussian(a, measured.b if self.b is None else self.b)

    def _frame(self, frame: Tensor, level: Level, noise: PoissonGaussian, monitor: Monitor) -> Tensor:
        stabiliser = Stabiliser(noise.a, noise.b)
        told = replace(level, sigma=torch.full((1,), stabiliser.sigma, device=frame.device))
        return stabiliser.inverse(self.denoiser(stabiliser.forward(frame), told, monitor))
