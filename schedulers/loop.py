"""The whole loop: view, estimate, step, until the schedule ends."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from torch import Tensor

from ..imaging.level import Level
from ..monitor import Monitor
from .base import State

Estimate = Callable[[Tensor, Level, Monitor], Tensor]


def take_step(state: State, denoiser: Estimate, monitor: Monitor) -> State:
    """One view, one clean estimate, one step."""
    image, level = state.scheduler.view(state)
    return state.scheduler.step(state, denoiser(image, level, monitor))


def run_loop(
    state: State,
    denoiser: Estimate,
    monitor: Monitor | None = None,
    on_state: Callable[[State], None] | None = None,
) -> State:
    """Step until done. `on_state` sees every state after its step; the monitor gets the clean estimate as preview."""
    monitor = monitor or Monitor()
    first, count = state.step, state.steps - state.step
    while not state.done:
        part = monitor.part(state.step - first, count)
        state = take_step(state, denoiser, part)
        part.advance(1.0, state.clean)
        if on_state is not None:
            on_state(state)
    return state


def average_runs(
    state: State,
    denoiser: Estimate,
    runs: int,
    monitor: Monitor | None = None,
    on_state: Callable[[State], None] | None = None,
) -> State:
    """`runs` loops with the seeds seed, seed + 1, …; their mean estimates the posterior mean (arXiv 2307.03992).

    Returns the last run's final state with the mean in place of x. A scheduler that draws nothing gains nothing.

    Raises:
        ValueError: runs below 1.
    """
    if runs < 1:
        raise ValueError(f"runs must be at least 1, got {runs}.")
    monitor = monitor or Monitor()
    total, last = 0.0, state
    for run in range(runs):
        last = run_loop(replace(state, seed=state.seed + run), denoiser, monitor.part(run, runs), on_state)
        total = total + last.x
    return replace(last, x=total / runs)
