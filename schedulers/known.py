"""Keeping what is known about a picture while a scheduler makes up the rest: filling holes, super-resolution."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from torch import Tensor

from ..imaging.level import DenoiseError, Level, Sigma
from ..imaging.randomness import normal
from .base import Scheduler, State, draw
from .variance_preserving import VariancePreserving

BACKWARD_STREAM = 1 << 31
"""Added to the step number for the noise that leads back up the chain, so that no draw is used twice.

It must fit into 32 bits: NumPy strings the words of longer numbers together, so that step 1 << 32 of frame 0 would draw
what step 0 of frame 1 draws.
"""


def _check_frames(known: Tensor, clean: Tensor, name: str = "known picture") -> None:
    """Raise DenoiseError unless there is one known picture for all frames and channels, or one for each."""
    if any(given not in (1, wanted) for given, wanted in zip(known.shape[:2], clean.shape[:2], strict=True)):
        raise DenoiseError(
            f"the sample has {clean.shape[0]} frames of {clean.shape[1]} channels, but the {name} "
            f"{known.shape[0]} of {known.shape[1]}; know one for all, or start as many of its kind."
        )


@dataclass(frozen=True, eq=False)
class KnownMask:
    """Pixels are known where `known` [1 or B,1,H,W] is 1, unknown where it is 0, blended between."""

    picture: Tensor
    """[1 or B,C,H,W] on the [0,1] scale."""
    known: Tensor

    def __post_init__(self) -> None:
        if self.picture.shape[-2:] != self.known.shape[-2:]:
            raise DenoiseError(
                f"the known picture is {tuple(self.picture.shape[-2:])} and its mask {tuple(self.known.shape[-2:])}; "
                "give a mask of the picture's size."
            )

    def __call__(self, clean: Tensor) -> Tensor:
        """The estimate with its known pixels put right."""
        if clean.shape[-2:] != self.picture.shape[-2:]:
            raise DenoiseError(
                f"the sample is {tuple(clean.shape[-2:])}, but the known picture is {tuple(self.picture.shape[-2:])}; "
                "start from the same size."
            )
        _check_frames(self.picture, clean)
        _check_frames(self.known, clean, "mask")
        return torch.lerp(clean, self.picture.expand_as(clean), self.known.expand_as(clean))


@dataclass(frozen=True, eq=False)
class KnownLowResolution:
    """The average over every block of pixels is known: `picture` [1 or B,C,h,w] is the wanted one, area-averaged."""

    picture: Tensor

    def __call__(self, clean: Tensor) -> Tensor:
        """Range-null space decomposition (DDNM, arXiv 2212.00490, eq. 13): x̂0 + A⁺(y − A·x̂0)."""
        small, large = self.picture.shape[-2:], clean.shape[-2:]
        factor = large[0] // small[0]
        if factor < 1 or (small[0] * factor, small[1] * factor) != tuple(large):
            raise DenoiseError(
                f"the sample is {tuple(large)}, which is no whole multiple of the known picture's {tuple(small)}; "
                "start from a size that is."
            )
        _check_frames(self.picture, clean)
        return clean + F.interpolate(self.picture - F.avg_pool2d(clean, factor), scale_factor=factor, mode="nearest")


@dataclass(frozen=True, eq=False)
class KnownPixels:
    """Any scheduler, with every clean estimate corrected by what is known before the step uses it.

    RePaint (arXiv 2201.09865, eq. 8) overwrites the known part of x_{t−1} with freshly noised known pixels. Correcting
    the estimate that x_{t−1} is drawn from has the same marginals, works for every scheduler, and covers
    super-resolution too (DDNM, arXiv 2212.00490). repeats is RePaint's resampling: each step is taken that many times,
    going back up in between, so that the made-up part agrees with the known one; only for DDPM and DDIM.
    """

    scheduler: Scheduler
    known: KnownMask | KnownLowResolution
    repeats: int = 1

    def __post_init__(self) -> None:
        if self.repeats < 1:
            raise DenoiseError(f"repeats must be at least 1, got {self.repeats}.")
        if self.repeats > 1 and not isinstance(self.scheduler, VariancePreserving):
            raise DenoiseError("repeats above 1 go back up a diffusion chain; use DDPM or DDIM, or set repeats to 1.")

    @property
    def steps(self) -> int:
        """Visits of the denoiser."""
        return self.scheduler.steps * self.repeats

    @property
    def size(self) -> tuple[int, int] | None:
        """(height, width) a sample must have; None when several would do."""
        if not isinstance(self.known, KnownMask):
            return None
        height, width = self.known.picture.shape[-2:]
        return height, width

    def start(self, image: Tensor, *, sigma: Sigma = None, seed: int = 0, first_frame: int = 0) -> State:
        """The wrapped scheduler's start."""
        return self._wrap(self.scheduler.start(image, sigma=sigma, seed=seed, first_frame=first_frame))

    def start_from_noise(self, shape: tuple[int, ...], *, seed: int = 0, first_frame: int = 0) -> State:
        """The wrapped scheduler's start."""
        return self._wrap(self.scheduler.start_from_noise(shape, seed=seed, first_frame=first_frame))

    def view(self, state: State) -> tuple[Tensor, Level]:
        """The wrapped scheduler's view; at the end nothing but the known pixels' own values is in their place."""
        picture, level = self.scheduler.view(self._unwrap(state))
        return (self.known(picture) if state.done else picture), level

    def step(self, state: State, clean: Tensor, noise: Tensor | None = None) -> State:
        """The wrapped scheduler's step with the corrected estimate, then, while repeats are left, back up again."""
        inner = self._unwrap(state)
        if self.repeats > 1 and noise is None:
            noise = draw(state)  # the wrapped scheduler would draw the same noise in each repeat
        after = self.scheduler.step(inner, self.known(clean), noise)
        x = after.x
        if (state.step + 1) % self.repeats and isinstance(self.scheduler, VariancePreserving):
            fresh = normal(tuple(x.shape), state.seed, BACKWARD_STREAM + state.step, state.first_frame).to(x.device)
            x = self.scheduler.renoise(x, after.time, inner.time, fresh)
        return replace(state, x=x, clean=after.clean, memory=after.memory, step=state.step + 1)

    def curves(self) -> dict[str, list[float]]:
        """The wrapped scheduler's curves."""
        return self.scheduler.curves()

    def _wrap(self, inner: State) -> State:
        visits = tuple(time for time in inner.times[:-1] for _ in range(self.repeats))
        return replace(inner, scheduler=self, times=(*visits, inner.times[-1]))

    def _unwrap(self, state: State) -> State:
        times = (*state.times[: -1 : self.repeats], state.times[-1])
        return replace(state, scheduler=self.scheduler, times=times, step=state.step // self.repeats)
