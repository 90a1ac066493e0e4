"""The samplers of EDM (arXiv 2206.00364): dx/dσ = (x − D(x; σ))/σ on a grid of noise levels, by Euler or Heun."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
import torch
from torch import Tensor

from ..imaging.level import DenoiseError
from .base import State, check_step
from .variance_exploding import VarianceExploding


@dataclass(frozen=True)
class EDMScheduler(VarianceExploding):
    """The deterministic sampler, algorithm 1 with σ(t) = t and s(t) = 1.

    points: number of noise levels in the grid. sigma_max, sigma_min: its ends on the [0,1] scale, half of the paper's,
    whose pictures span [-1,1]. rho: how much the grid crowds towards small noise. solver: 'euler' looks at the picture
    once per level; 'heun' twice, at both ends of the interval, except in the last one.
    """

    TITLE: ClassVar[str] = "EDM"
    points: int = 18
    solver: Literal["euler", "heun"] = "heun"
    rho: float = 7.0
    sigma_max: float = 40.0
    sigma_min: float = 0.001

    def __post_init__(self) -> None:
        super().__post_init__()
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

    def step(self, state: State, clean: Tensor, noise: Tensor | None = None) -> State:
        """Euler's step to the next level (lines 4 and 5), or Heun's correction at it (lines 7 and 8); no noise.

        `memory` holds the slope at the upper end of the interval while Heun's second look is due.
        """
        check_step(state, clean, noise)
        if state.memory is None:
            # x + (σ' − σ)·(x − x̂0)/σ is a blend, and exactly x̂0 at σ' = 0
            x = torch.lerp(clean, state.x, state.next_time / state.time if state.time else 0.0)
            second_look = self.solver == "heun" and state.next_time > 0
            return state.advance(x, clean, _slope(state, clean) if second_look else None)
        change = _slope(state, clean).sub_(state.memory)
        interval = state.time - state.times[state.step - 1]
        return state.advance(torch.add(state.x, change, alpha=interval / 2), clean)

    def _levels(self, first: float) -> list[float]:
        """Eq. 5; Heun visits every level but the first twice."""
        top, bottom = first ** (1 / self.rho), min(self.sigma_min, first) ** (1 / self.rho)
        grid = [first, *(np.linspace(top, bottom, self.points)[1:] ** self.rho).tolist()]
        return [first, *(sigma for sigma in grid[1:] for _ in range(2))] if self.solver == "heun" else grid


def _slope(state: State, clean: Tensor) -> Tensor:
    """dx/dσ = (x − x̂0)/σ (line 4)."""
    return torch.sub(state.x, clean).div_(state.time)
