"""The learning rate on the way."""

from __future__ import annotations

import math

from .recipe import Schedule


def rate_factor(schedule: Schedule, step: int, done: float) -> float:
    """What the recipe's rate is multiplied by at `step` (from 0), with the share `done` (0..1) of the training over."""
    warm = min(1.0, (step + 1) / schedule.warmup) if schedule.warmup else 1.0
    if schedule.kind == "cosine":
        return warm * (schedule.floor + (1 - schedule.floor) * (1 + math.cos(math.pi * min(1.0, done))) / 2)
    if schedule.kind == "exponential":
        return warm * schedule.gamma ** (step // schedule.epoch_steps)
    return warm
