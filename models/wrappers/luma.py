"""A gray denoiser for the brightness of colour pictures."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from ...imaging.control import LUMA, luma_of
from ...imaging.level import Level, as_sigma
from ...monitor import Monitor
from ..contract import Denoiser, Spec

NOISE = float(torch.tensor(LUMA).norm())
"""White noise of equal strength in three channels has this share of it in their luma."""


@dataclass(frozen=True)
class LumaOnly:
    """Denoises the brightness of a colour picture and leaves its colours, and their noise, as they are.

    A third of the work of a gray network on each channel, and fine texture stays the same in all three.
    """

    denoiser: Denoiser

    @property
    def spec(self) -> Spec:
        """That of the denoiser inside."""
        return replace(self.denoiser.spec, name=f"{self.denoiser.spec.name} (luma)")

    def __call__(self, image: Tensor, level: Level = Level(), monitor: Monitor | None = None) -> Tensor:
        """See `Denoiser`."""
        if image.shape[1] == 1:
            return self.denoiser(image, level, monitor)
        luma = luma_of(image.float())
        if level.sigma is not None:
            level = replace(level, sigma=NOISE * as_sigma(level.sigma, luma))
        return image + (self.denoiser(luma, level, monitor) - luma)
