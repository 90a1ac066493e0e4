"""Denoise states on the canvas: from IMAGE to the planes of a state and back, and what is shown of it."""

from __future__ import annotations

import torch
from torch import Tensor

from ..imaging.layout import split
from ..schedulers.base import State
from .common import SIGMA_SCALE
from .widgets import Widget

STATE_INPUT: Widget = (
    "DENOISE_STATE",
    {"tooltip": "Where the process is: from Start Denoising, Scheduler Step, or a loop."},
)


def to_image(planes: Tensor) -> Tensor:
    """[B,C,H,W] → [B,H,W,C]; values are kept, also those outside [0,1]."""
    return planes.permute(0, 2, 3, 1).contiguous()


def to_planes(image: Tensor, name: str = "image") -> Tensor:
    """[B,H,W,C] → [B,1 or 3,H,W] float32 on the CPU, without alpha."""
    return split(image, name)[0].contiguous()


def current_picture(state: State) -> Tensor:
    """[B,H,W,C] what a person should see of a state.

    While a picture is made from pure noise, the noise exceeds the unit range up to a hundred times; such a state is
    shown with its contrast lowered to that of the noise, as the chain of DDPM holds it.
    """
    picture, level = state.scheduler.view(state)
    if state.origin is None and level.sigma is not None:
        picture = 0.5 + (picture - 0.5) / (1 + torch.as_tensor(2 * level.sigma) ** 2) ** 0.5
    return to_image(picture)


def describe(state: State) -> str:
    """Step number and noise level in words."""
    words = f"step {state.step} of {state.steps}"
    sigma = state.scheduler.view(state)[1].sigma
    if sigma is None:
        return words
    level = SIGMA_SCALE * float(torch.as_tensor(sigma).mean())
    return f"{words} · sigma {level:{'.4g' if level < 9999.5 else '.0f'}}"
