"""What DDPM and DDIM share: the chain x_t = √ᾱ_t·x_0 + √(1−ᾱ_t)·ε on the [-1,1] scale and the times it visits."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import torch
from torch import Tensor

from ..imaging.level import DenoiseError, Level, Sigma
from ..imaging.noise_schedule import CLEAN, NoiseSchedule
from ..imaging.randomness import normal
from .base import State, single_sigma
from .limit import Limit

Spacing = Literal["leading", "linspace", "trailing"]
SPACINGS: tuple[str, ...] = get_args(Spacing)


def timesteps(spacing: str, steps: int, train_steps: int, offset: int = 0) -> tuple[int, ...]:
    """`steps` falling timesteps out of `train_steps`, as in arXiv 2305.08891, table 2.

    leading: multiples of train_steps // steps, plus offset. linspace: from the last to the first, rounded.
    trailing: equal strides down from the last.

    Raises:
        DenoiseError: unknown spacing, more steps than timesteps, or an offset that leads out of the table.
    """
    if spacing not in SPACINGS:
        raise DenoiseError(f"spacing {spacing!r} is unknown; use one of {', '.join(SPACINGS)}.")
    if not 1 <= steps <= train_steps:
        raise DenoiseError(f"steps must be between 1 and the chain's {train_steps} timesteps, got {steps}.")
    index = np.arange(steps)
    if spacing == "leading":
        table = index[::-1] * (train_steps // steps) + offset
    elif spacing == "linspace":
        table = np.linspace(0, train_steps - 1, steps).round()[::-1]
    else:
        table = np.round(train_steps - index * (train_steps / steps)) - 1
    if not 0 <= table[-1] <= table[0] < train_steps:
        raise DenoiseError(f"offset {offset} leads to timestep {table[0]:.0f}, outside 0 to {train_steps - 1}.")
    return tuple(int(time) for time in table)


@dataclass(frozen=True)
class VariancePreserving(ABC):
    """The half of a DDPM-like scheduler that does not depend on how it steps.

    steps: number of reverse steps. noise: the betas. spacing, offset: see `timesteps`; offset is for 'leading' only.
    limit: what keeps the clean estimate in range.
    """

    steps: int = 50
    noise: NoiseSchedule = NoiseSchedule()
    spacing: Spacing = "trailing"
    offset: int = 0
    limit: Limit = Limit()

    def __post_init__(self) -> None:
        timesteps(self.spacing, self.steps, self.noise.train_steps, self.offset)

    def start(self, image: Tensor, *, sigma: Sigma = None, seed: int = 0, first_frame: int = 0) -> State:
        """Enter the chain at the timestep whose noise matches sigma (DMID, arXiv 2307.03992, eq. 6 and 7).

        What is left of the chain is cut into `steps` equal strides, or into all its timesteps if there are fewer.

        Raises:
            DenoiseError: sigma is unknown or differs between frames or pixels.
        """
        entry = self.noise.match(single_sigma(sigma, "a diffusion chain"))
        times = timesteps("trailing", min(self.steps, entry + 1), entry + 1)
        image = image.float()
        x = self._to_chain(image, self._alpha_bar(times[0]))
        return State(self, x, (*times, CLEAN), origin=image, sigma=sigma, seed=seed, first_frame=first_frame)

    def start_from_noise(self, shape: tuple[int, ...], *, seed: int = 0, first_frame: int = 0) -> State:
        """x_T ~ N(0, I), arXiv 2006.11239, algorithm 2, line 1."""
        times = timesteps(self.spacing, self.steps, self.noise.train_steps, self.offset)
        return State(self, normal(shape, seed, 0, first_frame), (*times, CLEAN), seed=seed, first_frame=first_frame)

    def view(self, state: State) -> tuple[Tensor, Level]:
        """x_t/√ᾱ_t, brought from [-1,1] to [0,1]: the clean picture plus white noise of √((1−ᾱ_t)/ᾱ_t)/2."""
        alpha_bar = self._alpha_bar(state.time)
        picture = (state.x * (0.5 / alpha_bar**0.5)).add_(0.5)
        return picture, Level(sigma=((1 - alpha_bar) / alpha_bar) ** 0.5 / 2)

    @abstractmethod
    def step(self, state: State, clean: Tensor, noise: Tensor | None = None) -> State:
        """See `Scheduler`."""

    def renoise(self, x: Tensor, low: float, high: float, noise: Tensor) -> Tensor:
        """The forward chain from timestep `low` to the noisier `high`, arXiv 2006.11239, eq. 2 over several steps."""
        kept = self._alpha_bar(high) / self._alpha_bar(low)
        return x * kept**0.5 + noise * (1 - kept) ** 0.5

    def curves(self) -> dict[str, list[float]]:
        """Signal and noise amplitude at each visit."""
        times = (*timesteps(self.spacing, self.steps, self.noise.train_steps, self.offset), CLEAN)
        alpha_bars = [self._alpha_bar(time) for time in times]
        return {"signal": [a**0.5 for a in alpha_bars], "noise": [(1 - a) ** 0.5 for a in alpha_bars]}

    def _alpha_bar(self, time: float) -> float:
        return self.noise.alpha_bar(int(time))

    @staticmethod
    def _to_chain(image: Tensor, alpha_bar: float) -> Tensor:
        """[0,1] scale → the chain's scale."""
        return image.mul(2 * alpha_bar**0.5).sub_(alpha_bar**0.5)


def combine(clean: Tensor, clean_weight: float, x: Tensor, x_weight: float) -> Tensor:
    """clean_weight·x̂0 + x_weight·x in few passes, where `clean` is x̂0 on the [0,1] scale and x̂0 = 2·clean − 1."""
    return torch.mul(clean, 2 * clean_weight).sub_(clean_weight).add_(x, alpha=x_weight)
