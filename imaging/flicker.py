"""How restless a clip is: what changes from frame to frame beside the motion."""

from __future__ import annotations

import torch
from torch import Tensor

from .motion import motion, pixel_grid, sample
from .temporal import within_frame


class Flicker:
    """Collects frames one at a time; memory does not grow.

    With a clean reference it is the mean magnitude by which the error changes from frame to frame: a constant error
    does not flicker. Without, the mean magnitude by which a frame differs from the one before, moved along the motion
    between them (the warping error of Lai et al., arXiv 1808.00449, with block matching and magnitudes).
    """

    def __init__(self) -> None:
        self._before: Tensor | None = None
        self._sum, self._pairs = 0.0, 0

    def add(self, frame: Tensor, reference: Tensor | None = None) -> None:
        """The next frame [1,C,H,W] in [0,1], and what it should be."""
        now = frame.float() if reference is None else frame.float() - reference.float()
        if self._before is not None:
            change = now - self._before if reference is not None else _unexplained(self._before, now)
            self._sum += float(change.abs().mean())
            self._pairs += 1
        self._before = now

    @property
    def value(self) -> float:
        """Flicker on the [0,1] scale; 0 for fewer than two frames."""
        return self._sum / self._pairs if self._pairs else 0.0


def flicker(frames: Tensor, references: Tensor | None = None) -> float:
    """Flicker of [B,C,H,W] in [0,1] on the [0,1] scale, see `Flicker`."""
    meter = Flicker()
    for index in range(len(frames)):
        meter.add(frames[index : index + 1], None if references is None else references[index : index + 1])
    return meter.value


def _unexplained(before: Tensor, now: Tensor) -> Tensor:
    places = pixel_grid(now) + motion(before, now)
    seen = within_frame(places)
    if not seen.any():
        return torch.zeros_like(now)
    return (now - sample(before, places, "bilinear")) * seen / seen.mean()
