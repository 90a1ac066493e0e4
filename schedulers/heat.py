"""Heat diffusion as a forward process, undone step by step with a denoiser (Cold Diffusion, arXiv 2208.09392)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Literal, get_args

import numpy as np
from torch import Tensor

from ..imaging.heat import heat_step
from ..imaging.level import DenoiseError, Level, Sigma, as_sigma
from ..monitor import Monitor
from .base import State, check_step

Border = Literal["edge", "reflect"]
BORDERS: tuple[str, ...] = get_args(Border)
STABLE = 0.25
"""The explicit five-point scheme in two dimensions amplifies the finest pattern above conductivity·time_step = 1/4."""


def _check(rate: float, border: str) -> None:
    if not 0 < rate <= STABLE:
        raise DenoiseError(
            f"conductivity·time_step is {rate:g}, but the explicit scheme is stable only above 0 and up to {STABLE}; "
            "take a smaller time_step and more iterations."
        )
    if border not in BORDERS:
        raise DenoiseError(f"border {border!r} is unknown; use one of {', '.join(BORDERS)}.")


def diffuse(
    image: Tensor,
    iterations: int,
    rate: float,
    border: str = "edge",
    check_cancel: Callable[[], object] = Monitor().check_cancel,
) -> Tensor:
    """[B,C,H,W] → the same after `iterations` of `heat_step`, which says what rate and border are.

    check_cancel: called before each iteration, a second on a large picture; may raise.

    Raises:
        DenoiseError: rate outside (0, 1/4] or an unknown border.
    """
    _check(rate, border)
    for _ in range(iterations):
        check_cancel()
        image = heat_step(image, rate, border)
    return image


@lru_cache
def noise_gain(iterations: int, rate: float) -> float:
    """Factor by which smoothing shrinks the deviation of white noise: the root mean square of its transfer function."""
    wave = 2 - 2 * np.cos(2 * np.pi * np.arange(256) / 256)
    transfer = (1 - rate * (wave[:, None] + wave)) ** iterations
    return float(np.sqrt(np.mean(transfer**2)))


@dataclass(frozen=True)
class HeatScheduler:
    """The input smoothed by `iterations` of the heat equation, sharpened again in `steps` with a clean estimate.

    time_step·conductivity: Δt·κ of u ← u + Δt·κ·Δu, at most 1/4. border: see `heat_step`. check_cancel: see
    `diffuse`. Smoothing removes noise and detail alike; what comes back is the denoiser's detail on the smoothed
    picture's large structures.
    """

    steps: int = 5
    iterations: int = 100
    time_step: float = 0.1
    conductivity: float = 0.1
    border: Border = "edge"
    check_cancel: Callable[[], object] = field(default=Monitor().check_cancel, compare=False, repr=False)

    def __post_init__(self) -> None:
        if not 1 <= self.steps <= self.iterations:
            raise DenoiseError(f"steps must be between 1 and the {self.iterations} iterations, got {self.steps}.")
        _check(self._rate, self.border)

    @property
    def _rate(self) -> float:
        return self.time_step * self.conductivity

    def start(self, image: Tensor, *, sigma: Sigma = None, seed: int = 0, first_frame: int = 0) -> State:
        """The picture at the end of the forward process. Deterministic: seed and first_frame change nothing."""
        image = image.float()
        x = self._diffuse(image, self.iterations)
        times = tuple(int(time) for time in self._times())
        return State(self, x, times, origin=image, sigma=sigma, seed=seed, first_frame=first_frame)

    def start_from_noise(self, shape: tuple[int, ...], *, seed: int = 0, first_frame: int = 0) -> State:
        """Refused: smoothed noise is a flat picture."""
        raise DenoiseError("heat diffusion starts from a picture; connect one, or use DDPM, DDIM or EDM to generate.")

    def view(self, state: State) -> tuple[Tensor, Level]:
        """The picture so far; of the input's noise it holds what passed the whole smoothing (no longer white)."""
        sigma = state.sigma
        if sigma is not None:
            sigma = as_sigma(sigma, state.x) * noise_gain(self.iterations, self._rate)
        return state.x, Level(sigma=sigma)

    def step(self, state: State, clean: Tensor, noise: Tensor | None = None) -> State:
        """Algorithm 2 of the paper: x_{s−1} = x_s − D(x̂0, s) + D(x̂0, s−1), D the forward smoothing; no noise."""
        check_step(state, clean, noise)
        weaker = self._diffuse(clean, int(state.next_time))
        stronger = self._diffuse(weaker, int(state.time - state.next_time))
        return state.advance(state.x - stronger + weaker, clean)

    def curves(self) -> dict[str, list[float]]:
        """Deviation in pixels, √(2·Δt·κ·iterations), of the blur at each visit."""
        return {"blur": [(2 * self._rate * time) ** 0.5 for time in self._times()]}

    def _diffuse(self, image: Tensor, iterations: int) -> Tensor:
        return diffuse(image, iterations, self._rate, self.border, self.check_cancel)

    def _times(self) -> list[float]:
        return np.linspace(self.iterations, 0, self.steps + 1).round().tolist()
