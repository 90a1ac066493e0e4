"""Masks that belong to a picture: one of its size for all frames, or one per frame."""

from __future__ import annotations

import torch
from torch import Tensor

from ..imaging.level import DenoiseError

PLACEHOLDER = (64, 64)
"""Size of the empty mask that Load Image gives beside a picture without transparency."""


def is_placeholder(mask: Tensor, image: Tensor) -> bool:
    """Whether a mask is the empty one, of another size than the picture [B,H,W,C]."""
    size = tuple(mask.shape[1:])
    return size == PLACEHOLDER != tuple(image.shape[1:3]) and not mask.any()


def fitted(mask: Tensor, image: Tensor, name: str) -> Tensor:
    """A mask for `image` [B,H,W,C] → [1 or B,1,H,W] float32 on the CPU; the placeholder marks nothing at any size.

    Raises:
        DenoiseError: another size or number of frames, NaN or infinity.
    """
    plain = mask.to("cpu", torch.float32)
    if is_placeholder(plain, image):
        plain = torch.zeros(1, *image.shape[1:3])
    if plain.ndim != 3 or plain.shape[0] not in (1, image.shape[0]) or plain.shape[1:] != image.shape[1:3]:
        raise DenoiseError(
            f"{name} is a mask of shape {tuple(mask.shape)}, but the picture is {tuple(image.shape[:3])} (frames, "
            "height, width); give one mask of its size, or one per frame."
        )
    if not torch.isfinite(plain).all():
        raise DenoiseError(f"{name} contains NaN or infinity; repair the mask before this node.")
    return plain[:, None]
