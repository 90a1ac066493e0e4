"""Annealed Langevin dynamics (arXiv 1907.05600): climb the score at ever smaller noise levels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from ..imaging.level import DenoiseError
from .base import State, check_step, draw
from .variance_exploding import VarianceExploding


@dataclass(frozen=True)
class LangevinScheduler(VarianceExploding):
    """Algorithm 1 with the score of a denoiser, (D(x; σ) − x)/σ² (Vincent 2011), and a last denoising step.

    sigma_max, sigma_min: first and last noise level, [0,1] scale; between them a geometric sequence of `levels`.
    steps_per_level: T. step_size: α_i/σ_i², the paper's ε/σ_L²; 0.2 there (ε = 2e-5, σ_L = 0.01). Above 2 the noise
    that a step adds is more than the next can take away. What a level leaves of the noise above its own shrinks by
    (1 − step_size/2)^T, which should not be above the ratio of neighbouring levels.
    """

    TITLE: ClassVar[str] = "Langevin dynamics"
    levels: int = 10
    steps_per_level: int = 5
    step_size: float = 0.2
    sigma_max: float = 1.0
    sigma_min: float = 0.01

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.levels < 1 or self.steps_per_level < 1:
            raise DenoiseError(
                f"levels and steps_per_level must be at least 1, got {self.levels} and {self.steps_per_level}."
            )
        if not 0 < self.step_size <= 2:
            raise DenoiseError(f"step_size must be above 0 and at most 2, got {self.step_size}.")

    @property
    def steps(self) -> int:
        """Visits of the denoiser: every level's steps and the last denoising one."""
        return self.levels * self.steps_per_level + 1

    def step(self, state: State, clean: Tensor, noise: Tensor | None = None) -> State:
        """x ← x + α_i/2·score + √α_i·z with α_i = step_size·σ_i²; the last step returns the clean estimate.

        With the score (x̂0 − x)/σ_i², the first two terms are a blend of x and x̂0.
        """
        check_step(state, clean, noise)
        if state.next_time == 0:
            return state.advance(clean, clean)
        x = torch.lerp(state.x, clean, self.step_size / 2)
        x.add_(draw(state) if noise is None else noise, alpha=self.step_size**0.5 * state.time)
        return state.advance(x, clean)

    def _levels(self, first: float) -> list[float]:
        levels = np.geomspace(first, min(self.sigma_min, first), self.levels)
        return [*np.repeat(levels, self.steps_per_level).tolist(), float(levels[-1])]
