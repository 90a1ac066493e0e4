"""The state every reverse process works on, and what a scheduler must be able to do with it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Protocol

import torch
from torch import Tensor

from ..imaging.level import DenoiseError, Level, Sigma
from ..imaging.randomness import normal


@dataclass(frozen=True)
class State:
    """A reverse process on its way; never changed, only replaced.

    x: the current sample [B,C,H,W] float32 on the scheduler's own scale (use `view` for a picture).
    times: the schedule, one entry per visit and the end point; `times[step]` is where x is now.
    step: how many steps have been taken; the process is done when step reaches len(times) − 1.
    origin: the picture it started from, on the [0,1] scale, or None when it started from noise.
    sigma: noise level of `origin` when known. seed, first_frame: all that randomness depends on, with `step`.
    clean: the last clean estimate as the scheduler used it (after clipping), None before the first step.
    memory: a scheduler's own tensor (Heun's slope).
    """

    scheduler: Scheduler
    x: Tensor
    times: tuple[float, ...]
    step: int = 0
    origin: Tensor | None = None
    sigma: Sigma = None
    seed: int = 0
    first_frame: int = 0
    clean: Tensor | None = None
    memory: Tensor | None = None

    @property
    def steps(self) -> int:
        """Number of steps from start to end."""
        return len(self.times) - 1

    @property
    def done(self) -> bool:
        """Whether the end point is reached."""
        return self.step >= self.steps

    @property
    def time(self) -> float:
        """Where x is now."""
        return self.times[self.step]

    @property
    def next_time(self) -> float:
        """Where the next step leads; looked up in the schedule, never recomputed. IndexError when done."""
        return self.times[self.step + 1]

    def advance(self, x: Tensor, clean: Tensor, memory: Tensor | None = None) -> State:
        """The state one step on."""
        return replace(self, x=x, clean=clean, memory=memory, step=self.step + 1)


class Scheduler(Protocol):
    """A reverse process: frozen settings and pure functions."""

    @property
    def steps(self) -> int:
        """Number of steps asked for."""
        ...

    def start(self, image: Tensor, *, sigma: Sigma = None, seed: int = 0, first_frame: int = 0) -> State:
        """The state whose current picture is the noisy `image` [B,C,H,W] on the [0,1] scale, of any float type."""
        ...

    def start_from_noise(self, shape: tuple[int, ...], *, seed: int = 0, first_frame: int = 0) -> State:
        """A state of pure noise [B,C,H,W] to generate from; ValueError where the process cannot."""
        ...

    def view(self, state: State) -> tuple[Tensor, Level]:
        """The current picture on the [0,1] scale, as a denoiser may see it, and what is known about its noise."""
        ...

    def step(self, state: State, clean: Tensor, noise: Tensor | None = None) -> State:
        """One reverse step with the clean estimate [B,C,H,W]; noise of that shape is given, or drawn from the seed."""
        ...

    def curves(self) -> dict[str, list[float]]:
        """What the schedule looks like: named values, one per visit and the end point, for a chart."""
        ...


def check_step(state: State, clean: Tensor, noise: Tensor | None = None) -> None:
    """Raise ValueError when the process is over, or the clean estimate or the noise is not shaped like the sample."""
    if state.done:
        raise ValueError(f"all {state.steps} steps are taken; start again to denoise further.")
    for name, value in (("clean estimate", clean), ("noise", noise)):
        if value is not None and value.shape != state.x.shape:
            raise ValueError(f"the {name} is {tuple(value.shape)}, but the sample is {tuple(state.x.shape)}.")


def draw(state: State) -> Tensor:
    """Standard normal noise for the step that `state` is about to take; depends on (seed, step, frame) alone.

    Step 0 of the stream belongs to the noise a state starts from.
    """
    return normal(tuple(state.x.shape), state.seed, state.step + 1, state.first_frame).to(state.x.device)


def single_sigma(sigma: Sigma, scheduler: str) -> float:
    """The one noise level ([0,1] scale) at which a whole batch enters a chain.

    Raises:
        DenoiseError: unknown, negative, not finite, or not the same everywhere.
    """
    if sigma is None:
        raise DenoiseError(f"{scheduler} must know the picture's noise level; give sigma, for example an estimate.")
    value = torch.as_tensor(sigma, dtype=torch.float64)
    if not torch.isfinite(value).all() or (value < 0).any():
        raise DenoiseError("sigma must be finite and not negative; check the noise level that is fed in.")
    if value.numel() == 0 or value.min() != value.max():
        raise DenoiseError(
            f"{scheduler} enters its chain at one noise level; give one number, not a map or one per frame."
        )
    return float(value.flatten()[0])
