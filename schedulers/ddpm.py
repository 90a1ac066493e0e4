"""Denoising diffusion probabilistic models (arXiv 2006.11239): ancestral sampling."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from torch import Tensor

from ..imaging.noise_schedule import CLEAN
from .base import State, check_step, draw
from .variance_preserving import VariancePreserving, combine


@dataclass(frozen=True)
class DDPMScheduler(VariancePreserving):
    """x_{t−1} ~ q(x_{t−1} | x_t, x̂0), drawn at any subset of the chain's timesteps.

    variance: 'fixed_small' is the posterior's own β̃_t, 'fixed_large' is β_t (section 3.2). For the other settings see
    `VariancePreserving`.
    """

    variance: Literal["fixed_small", "fixed_large"] = "fixed_small"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.variance not in ("fixed_small", "fixed_large"):
            raise ValueError(f"variance {self.variance!r} is unknown; use 'fixed_small' or 'fixed_large'.")

    def step(self, state: State, clean: Tensor, noise: Tensor | None = None) -> State:
        """Algorithm 2, lines 3 and 4; the last step adds no noise, whichever timestep it leaves from."""
        check_step(state, clean, noise)
        now, then = self._alpha_bar(state.time), self._alpha_bar(state.next_time)
        clean = self.limit(clean)
        alpha = now / then  # over the whole stride
        # eq. 7: μ̃ = √ᾱ_{t−1}·β/(1−ᾱ_t)·x̂0 + √α·(1−ᾱ_{t−1})/(1−ᾱ_t)·x_t
        x = combine(clean, then**0.5 * (1 - alpha) / (1 - now), state.x, alpha**0.5 * (1 - then) / (1 - now))
        if state.next_time != CLEAN:
            small = (1 - then) / (1 - now) if self.variance == "fixed_small" else 1.0
            x.add_(draw(state) if noise is None else noise, alpha=(small * (1 - alpha)) ** 0.5)
        return state.advance(x, clean)
