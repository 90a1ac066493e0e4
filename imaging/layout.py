"""From ComfyUI's IMAGE to what the denoisers eat and back: channels last or first, alpha, gray, dtype, device."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

ROWS = 256


def value_range(image: Tensor) -> tuple[float, float]:
    """Smallest and largest value of [B,H,W,C] floats, NaN if there is one; block by block, so that it takes no room."""
    ends = [torch.stack(torch.aminmax(block)) for frame in image for block in frame.split(ROWS)]
    together = torch.stack(ends)  # min and max of a tensor pass NaN on
    return float(together[:, 0].min()), float(together[:, 1].max())


def check_image(image: Tensor, name: str = "image") -> Tensor:
    """Return `image` if it is a finite [B,H,W,C] tensor with C in 1, 3, 4 and no empty side; raise otherwise.

    Raises:
        TypeError: not a tensor. ValueError: wrong shape, empty, or NaN/infinity inside.
    """
    check_shape(image, name)
    if not all(math.isfinite(end) for end in value_range(image)):
        raise ValueError(f"{name} contains NaN or infinity; repair it before this node, for example by clamping.")
    return image


def check_shape(image: Any, name: str = "image") -> None:
    """The part of `check_image` that takes no time. Raises as it does."""
    if not isinstance(image, Tensor):
        raise TypeError(f"{name} must be an IMAGE tensor [B,H,W,C], got {type(image).__name__}.")
    if image.ndim != 4 or image.shape[-1] not in (1, 3, 4):
        raise ValueError(f"{name} must be [B,H,W,C] with 1, 3 or 4 channels, got shape {tuple(image.shape)}.")
    if not image.is_floating_point():
        raise TypeError(f"{name} holds {image.dtype}; give floating-point values in [0,1], 8-bit ones divided by 255.")
    if image.numel() == 0:
        raise ValueError(f"{name} is empty (shape {tuple(image.shape)}); give at least one frame of one pixel.")


@dataclass(frozen=True)
class Layout:
    """How a picture came in, so that the result can go out the same way."""

    alpha: Tensor | None
    dtype: torch.dtype
    device: torch.device

    def restore(self, planes: Tensor) -> Tensor:
        """[B,C,H,W] float32 → [B,H,W,C] in the caller's dtype and device, with the untouched alpha joined again."""
        image = planes.permute(0, 2, 3, 1).to(self.device, self.dtype)
        return image.contiguous() if self.alpha is None else torch.cat([image, self.alpha], dim=-1)

    def restore_like(self, planes: Tensor, original: Tensor) -> Tensor:
        """The same, overwriting `planes` with [0,1] at most if the colours of `original` [B,H,W,C] keep to it."""
        low, high = value_range(original[..., :3])
        return self.restore(planes.clamp_(0, 1) if low >= 0 and high <= 1 else planes)


def split(image: Tensor, name: str = "image") -> tuple[Tensor, Layout]:
    """[B,H,W,C] of any float type → (planes [B,1 or 3,H,W] float32 on the CPU, the layout that restores it)."""
    check_image(image, name)
    alpha = image[..., 3:] if image.shape[-1] == 4 else None
    colour = image[..., :3]
    planes = colour.permute(0, 3, 1, 2).to("cpu", torch.float32)
    return planes, Layout(alpha, image.dtype, image.device)
