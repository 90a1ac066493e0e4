"""The whole loop: view, estimate, step, until the schedule ends."""

from __future__ import annotations

from collections.abc import Callable

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
