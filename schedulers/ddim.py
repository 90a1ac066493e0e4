"""Denoising diffusion implicit models (arXiv 2010.02502): from deterministic (eta 0) to DDPM-like (eta 1)."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from .base import State, check_step, draw
from .variance_preserving import VariancePreserving, combine


@dataclass(frozen=True)
class DDIMScheduler(VariancePreserving):
    """The non-Markovian family of eq. 12.

    eta: share of DDPM's noise, eq. 16. direction_from_limited: whether the direction to x_t is derived from the
    clean estimate after limiting (as GLIDE does) or before. end_at_clean: whether the last step ends at ᾱ = 1, or at
    the first timestep's ᾱ_0, as some latent models want. For the other settings see `VariancePreserving`.
    """

    eta: float = 0.0
    direction_from_limited: bool = False
    end_at_clean: bool = True

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 <= self.eta <= 1:
            raise ValueError(f"eta must be between 0 (deterministic) and 1 (as noisy as DDPM), got {self.eta}.")

    def step(self, state: State, clean: Tensor, noise: Tensor | None = None) -> State:
        """Eq. 12: x_{t−1} = √ᾱ_{t−1}·x̂0 + √(1−ᾱ_{t−1}−σ²)·ε̂ + σ·z with ε̂ = (x_t − √ᾱ_t·x̂0)/√(1−ᾱ_t)."""
        check_step(state, clean, noise)
        now, then = self._alpha_bar(state.time), self._alpha_bar(state.next_time)
        limited = self.limit(clean)
        variance = self.eta**2 * (1 - then) / (1 - now) * (1 - now / then)  # eq. 16
        direction = (max(0.0, 1 - then - variance) / (1 - now)) ** 0.5
        if self.direction_from_limited or limited is clean:
            x = combine(limited, then**0.5 - direction * now**0.5, state.x, direction)
        else:
            x = combine(clean, -direction * now**0.5, state.x, direction)
            x.add_(limited, alpha=2 * then**0.5).sub_(then**0.5)
        if variance > 0:
            x.add_(draw(state) if noise is None else noise, alpha=variance**0.5)
        return state.advance(x, limited)

    def _alpha_bar(self, time: float) -> float:
        return super()._alpha_bar(time if self.end_at_clean else max(time, 0))
