"""The samplers of EDM (arXiv 2206.00364): dx/dσ = (x − D(x; σ))/σ on a grid of noise levels, by Euler or Heun."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from ..imaging.level import DenoiseError, Level, Sigma
from .base import State, check_step, single_sigma
from .variance_exploding import check_levels, pure_noise


@dataclass(frozen=True)
class EDMScheduler:
    """The deterministic sampler, algorithm 1 with σ(t) = t and s(t) = 1.

    points: number of noise levels in the grid. sigma_max, sigma_min: its ends on the [0,1] scale, half of the paper's,
    whose pictures span [-1,1]. rho: how much the grid crowds towards small noise. solver: 'euler' looks at the picture
    once per level; 'heun' twice, at both ends of the interval, except in the last one.
    """

    points: int = 18
    solver: Literal["euler", "heun"] = "heun"
    rho: float = 7.0
    sigma_max: float = 40.0
    sigma_min: float = 0.001

    def __post_init__(self) -> None:
        check_levels(self.sigma_min, self.sigma_max)
        if self.points < 1:
            raise DenoiseError(f"points must be at least 1, got {self.points}.")
        if self.rho < 1:
            raise DenoiseError(f"rho must be at least 1 (a linear grid), got {self.rho}; the paper uses 7.")
        if self.solver not in ("euler", "heun"):
            raise DenoiseError(f"solver {self.solver!r} is unknown; use 'euler' or 'heun'.")

    @property
    def steps(self) -> int:
        """Visits of the denoiser."""
        return self.points if self.solver == "euler" else 2 * self.points - 1

    def start(self, image: Tensor, *, sigma: Sigma = None, seed: int = 0, first_frame: int = 0) -> State:
        """The noisy picture is the sample at its own sigma; the grid runs down from there. Nothing is drawn.

        Raises:
            DenoiseError: sigma is unknown or differs between frames or pixels.
        """
        times = self._times(single_sigma(sigma, "EDM"))
        return State(self, image, times, origin=image, sigma=sigma, seed=seed, first_frame=first_frame)

    def start_from_noise(self, shape: tuple[int, ...], *, seed: int = 0, first_frame: int = 0) -> State:
        """Mid-gray plus noise of sigma_max."""
        x = pure_noise(shape, self.sigma_max, seed, first_frame)
        return State(self, x, self._times(self.sigma_max), seed=seed, first_frame=first_frame)

    def view(self, state: State) -> tuple[Tensor, Level]:
        """The sample itself and its noise level."""
        return state.x, Level(sigma=state.time)

    def step(self, state: State, clean: Tensor, noise: Tensor | None = None) -> State:
        """Euler's step to the next level (lines 4 and 5), or Heun's correction at it (lines 7 and 8); no noise.

        `memory` holds the slope at the upper end of the interval while Heun's second look is due.
        """
        check_step(state, clean)
        if state.memory is None:
            # x + (σ' − σ)·(x − x̂0)/σ is a blend, and exactly x̂0 at σ' = 0
            x = torch.lerp(clean, state.x, state.next_time / state.time if state.time else 0.0)
            second_look = self.solver == "heun" and state.next_time > 0
            return state.advance(x, clean, (state.x - clean) / state.time if second_look else None)
        slope = (state.x - clean) / state.time
        interval = state.time - state.times[state.step - 1]
        return state.advance(torch.add(state.x, slope - state.memory, alpha=interval / 2), clean)

    def curves(self) -> dict[str, list[float]]:
        """Noise level at each visit, 0–255 scale."""
        return {"sigma": [255 * time for time in self._times(self.sigma_max)]}

    def _times(self, first: float) -> tuple[float, ...]:
        """Eq. 5, then 0; Heun visits every level but the first and the last twice."""
        if first == 0:
            return (0.0, 0.0)
        top, bottom = first ** (1 / self.rho), min(self.sigma_min, first) ** (1 / self.rho)
        grid = [first, *(np.linspace(top, bottom, self.points)[1:] ** self.rho).tolist()]
        if self.solver == "heun":
            grid = [grid[0], *(sigma for sigma in grid[1:] for _ in range(2))]
        return (*grid, 0.0)
