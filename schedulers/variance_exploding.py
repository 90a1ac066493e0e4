"""What Langevin and EDM share: the sample is the picture plus noise of deviation sigma, both on the [0,1] scale."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar

from torch import Tensor

from ..imaging.level import DenoiseError, Level, Sigma
from ..imaging.randomness import normal
from .base import State, single_sigma

GRAY = 0.5
"""The mean a sample of pure noise is centred on: the middle of the [0,1] scale."""


class VarianceExploding(ABC):
    """The half of such a scheduler that does not depend on how it steps.

    sigma_max, sigma_min: first and last noise level above zero, [0,1] scale.
    """

    TITLE: ClassVar[str]
    """What errors call it."""
    sigma_max: float
    sigma_min: float

    def __post_init__(self) -> None:
        if not 0 < self.sigma_min <= self.sigma_max < float("inf"):
            raise DenoiseError(
                "noise levels must be above 0 and the smallest not above the largest, got "
                f"{self.sigma_min} and {self.sigma_max}."
            )

    @property
    @abstractmethod
    def steps(self) -> int:
        """Visits of the denoiser."""

    def start(self, image: Tensor, *, sigma: Sigma = None, seed: int = 0, first_frame: int = 0) -> State:
        """The noisy picture is the sample at its own sigma; the schedule runs down from there. Nothing is drawn.

        Raises:
            DenoiseError: sigma is unknown or differs between frames or pixels.
        """
        times, image = self._times(single_sigma(sigma, self.TITLE)), image.float()
        return State(self, image, times, origin=image, sigma=sigma, seed=seed, first_frame=first_frame)

    def start_from_noise(self, shape: tuple[int, ...], *, seed: int = 0, first_frame: int = 0) -> State:
        """Mid-gray plus noise of sigma_max: [B,C,H,W] N(1/2, sigma_max²)."""
        x = normal(shape, seed, 0, first_frame).mul_(self.sigma_max).add_(GRAY)
        return State(self, x, self._times(self.sigma_max), seed=seed, first_frame=first_frame)

    def view(self, state: State) -> tuple[Tensor, Level]:
        """The sample itself, taken to hold the noise of the current level."""
        return state.x, Level(sigma=state.time)

    @abstractmethod
    def step(self, state: State, clean: Tensor, noise: Tensor | None = None) -> State:
        """See `Scheduler`."""

    def curves(self) -> dict[str, list[float]]:
        """Noise level at each visit, 0–255 scale."""
        return {"sigma": [255 * time for time in self._times(self.sigma_max)]}

    @abstractmethod
    def _levels(self, first: float) -> list[float]:
        """The noise level at every visit, from `first`, which is above 0, down."""

    def _times(self, first: float) -> tuple[float, ...]:
        """The levels, and 0 at the end; a picture without noise is looked at once."""
        return (*(self._levels(first) if first else [0.0]), 0.0)
