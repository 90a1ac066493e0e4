"""Denoising by a diffusion prior: several samples of what the clean picture may have been, their mean and spread."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import chain

import torch
from torch import Tensor

from ..imaging.level import Level, Sigma, as_sigma
from ..imaging.spread import spread_of
from ..monitor import Monitor
from .base import State, single_sigma
from .ddpm import DDPMScheduler
from .loop import Estimate, run_loop

NOISE_REACH = 6
"""Deviations above white that noise may reach; what lies higher is a highlight."""


@dataclass(frozen=True)
class Posterior:
    """What K runs from one noisy picture say; all [B,C,H,W] on the [0,1] scale.

    mean: estimates E[x0 | y], the picture of least squared error. spread: standard deviation over the runs, an estimate
    of how uncertain each pixel is (0 for a single run). one: the first run alone, sharper and more arbitrary.
    steps: that each run took; little noise enters the chain late and may take fewer than asked for.
    """

    mean: Tensor
    spread: Tensor
    one: Tensor
    steps: int


def sample_posterior(state: State, denoiser: Estimate, runs: int, monitor: Monitor | None = None) -> Posterior:
    """Run the rest of a process with the seeds seed, seed + 1, … (DMID, arXiv 2307.03992, section 3.3).

    A single run has about twice the squared error of the posterior mean, the average of K runs (1 + 1/K) times
    (their errors around the mean are independent). Memory does not grow with `runs`.

    Raises:
        ValueError: runs below 1.
    """
    if runs < 1:
        raise ValueError(f"runs must be at least 1, got {runs}.")
    monitor = monitor or Monitor()

    def sample(run: int) -> Tensor:
        end = run_loop(replace(state, seed=state.seed + run), denoiser, monitor.part(run, runs))
        return end.scheduler.view(end)[0]

    one = sample(0)
    found = spread_of(chain([one], map(sample, range(1, runs))))
    return Posterior(found.mean, found.deviation, one, state.steps - state.step)


def denoise_with_prior(
    image: Tensor,
    denoiser: Callable[[Tensor, Level, Monitor], Tensor],
    sigma: Sigma,
    *,
    runs: int = 8,
    steps: int = 10,
    seed: int = 0,
    first_frame: int = 0,
    monitor: Monitor | None = None,
) -> Posterior:
    """Enter DDPM's chain at the timestep whose noise matches sigma, and sample the way back several times.

    The chain keeps to [0,1]: frames with highlights beyond it, noise apart, are scaled into it and back.

    Args:
        image: noisy [B,C,H,W] on the [0,1] scale. denoiser: any, best one that was trained as a diffusion chain.
        sigma: noise level on the [0,1] scale, a number or one per frame.
        runs: number of samples. steps: of each, at most; 1 is a plain call of the denoiser, the same for every seed.

    Raises:
        DenoiseError: sigma unknown, a map, or not one per frame. ValueError: runs or steps below 1.
    """
    monitor = monitor or Monitor()
    if sigma is not None:
        as_sigma(sigma, image)  # of the whole batch: later only frames of it are seen
    parts = []
    for frame in range(image.shape[0]):
        noisy = image[frame : frame + 1]
        noise = single_sigma(Level(sigma).frames(frame, frame + 1).sigma, "a diffusion chain")
        top = float(noisy.max())
        scale = top if top > 1 + NOISE_REACH * noise else 1.0
        number = first_frame + frame
        state = DDPMScheduler(steps).start(noisy / scale, sigma=noise / scale, seed=seed, first_frame=number)
        found = sample_posterior(state, denoiser, runs, monitor.part(frame, image.shape[0]))
        parts.append(Posterior(found.mean * scale, found.spread * scale, found.one * scale, found.steps))
    pictures = (torch.cat([getattr(part, name) for part in parts]) for name in ("mean", "spread", "one"))
    return Posterior(*pictures, steps=max(part.steps for part in parts))
