"""Interpolation diffusion between a clean and a really noisy picture (arXiv 2305.04457)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from torch import Tensor

from ..imaging.level import Level, Sigma, as_sigma
from .base import State, check_step


@dataclass(frozen=True)
class InterpolationScheduler:
    """x_t = (1 − α)·x_0 + α·x_T with α = t/T; the network estimates x_0 from x_t and α.

    steps: T. method: 'improved' (errors of the estimate cancel to first order) or 'origin' (re-interpolates).
    start_alpha: where on the path the input sits; below 1 the fully noisy x_T is unknown, and everything is expressed
    by the input itself: D(x̂0, α) = (1 − α/a)·x̂0 + (α/a)·y, so that no share of its noise is left at the end.
    """

    steps: int = 5
    method: Literal["improved", "origin"] = "improved"
    start_alpha: float = 1.0

    def __post_init__(self) -> None:
        if self.steps < 1:
            raise ValueError(f"steps must be at least 1, got {self.steps}.")
        if not 0 < self.start_alpha <= 1:
            raise ValueError(f"start_alpha must be above 0 and at most 1, got {self.start_alpha}.")
        if self.method not in ("improved", "origin"):
            raise ValueError(f"method {self.method!r} is unknown; use 'improved' or 'origin'.")

    def start(self, image: Tensor, *, sigma: Sigma = None, seed: int = 0, first_frame: int = 0) -> State:
        """The input is x at start_alpha. The process is deterministic: seed and first_frame change nothing."""
        times, image = tuple(self.curves()["alpha"]), image.float()
        return State(self, image, times, origin=image, sigma=sigma, seed=seed, first_frame=first_frame)

    def start_from_noise(self, shape: tuple[int, ...], *, seed: int = 0, first_frame: int = 0) -> State:
        """Refused: the path needs a noisy picture at its end."""
        raise ValueError(
            "interpolation starts from a noisy picture; connect one, or use DDPM, DDIM or EDM to generate."
        )

    def view(self, state: State) -> tuple[Tensor, Level]:
        """x_t itself; its noise has shrunk with α."""
        sigma = state.sigma
        if sigma is not None:
            sigma = as_sigma(sigma, state.x) * (state.time / self.start_alpha)
        return state.x, Level(sigma=sigma, alpha=state.time)

    def step(self, state: State, clean: Tensor, noise: Tensor | None = None) -> State:
        """Algorithm 2 (origin) or 3 (improved) of the paper; `noise` is not used."""
        check_step(state, clean, noise)
        target = self._degrade(state, clean, state.next_time)
        moved = state.x is not state.origin  # else x = D(x̂0, t) whatever x̂0 is, and nothing is left of it
        if self.method == "improved" and moved:  # x_{t−1} = x_t − D(x̂0, t) + D(x̂0, t−1)
            target = state.x - self._degrade(state, clean, state.time) + target
        return state.advance(target, clean)

    def curves(self) -> dict[str, list[float]]:
        """α at each visit."""
        return {"alpha": [self.start_alpha * (1 - i / self.steps) for i in range(self.steps + 1)]}

    def _degrade(self, state: State, clean: Tensor, alpha: float) -> Tensor:
        """D(x̂0, α), with the input at start_alpha."""
        if state.origin is None:
            raise ValueError("interpolation needs the noisy picture it started from; begin with `start`.")
        share = alpha / self.start_alpha
        if share in (0, 1):  # the ends of the path need no room of their own
            return state.origin if share else clean
        return (1 - share) * clean + share * state.origin
