"""What is known about the noise in a picture: shared words of denoisers and schedulers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

Sigma = float | Tensor | None


class DenoiseError(ValueError):
    """Something the user can mend; the text names the input, the problem and the way out."""


@dataclass(frozen=True)
class Level:
    """What is known about the noise in an image.

    sigma: standard deviation on the [0,1] scale: a number, [B], [B,1,H,W], or None when unknown.
    alpha: position on the path from clean (0) to noisy (1), arXiv 2305.04457: a number or [B]; 1 = the input as it is.
    condition: class label of a conditional network: a number or [B] integers; None = unconditional.
    """

    sigma: Sigma = None
    alpha: float | Tensor = 1.0
    condition: int | Tensor | None = None

    def frames(self, start: int, stop: int) -> Level:
        """The level of frames [start, stop) of the batch it describes."""
        return Level(*(_frames(v, start, stop) for v in (self.sigma, self.alpha, self.condition)))


def _frames(value: Any, start: int, stop: int) -> Any:
    batched = isinstance(value, Tensor) and value.ndim > 0 and value.shape[0] > 1
    return value[start:stop] if batched else value


def as_sigma(sigma: float | Tensor, image: Tensor) -> Tensor:
    """sigma (number, [B], [B,1,1,1] or [B,1,H,W], [0,1] scale) → float32 [B,1,1,1] or [B,1,H,W] on the image's device.

    Raises:
        DenoiseError: wrong shape, negative or not finite.
    """
    value = torch.as_tensor(sigma, dtype=torch.float32, device=image.device)
    batch, _, height, width = image.shape
    if value.ndim <= 1:
        value = value.reshape(-1, 1, 1, 1)
    fits = (
        value.ndim == 4 and value.shape[0] in (1, batch) and tuple(value.shape[1:]) in ((1, 1, 1), (1, height, width))
    )
    if not fits:
        raise DenoiseError(
            f"sigma has shape {tuple(value.shape)}, but the image is {tuple(image.shape)}; give one number, one per "
            f"frame, or a map of the image's size."
        )
    if not torch.isfinite(value).all() or (value < 0).any():
        raise DenoiseError("sigma must be finite and not negative; check the noise level that is fed in.")
    return value.expand(batch, *value.shape[1:])


def per_frame(value: float | Tensor, image: Tensor, dtype: torch.dtype = torch.float32) -> Tensor:
    """A number or [B] → [B] on the image's device."""
    return torch.as_tensor(value, dtype=dtype, device=image.device).reshape(-1).expand(image.shape[0])
