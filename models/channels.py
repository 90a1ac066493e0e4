"""Gray networks on colour pictures and colour networks on gray ones."""

from __future__ import annotations

from dataclasses import replace

from torch import Tensor

from ..imaging.level import DenoiseError, Level


def fit_channels(image: Tensor, level: Level, channels: int) -> tuple[Tensor, Level]:
    """Bring [B,C,H,W] to the network's channel count: each plane a gray picture, or a gray picture repeated."""
    present = image.shape[1]
    if present == channels:
        return image, level
    if channels == 1:
        batch = image.shape[0]
        repeated = {
            name: value.repeat_interleave(present, 0)
            for name in ("sigma", "alpha", "condition")
            if isinstance(value := getattr(level, name), Tensor) and value.ndim > 0 and value.shape[0] == batch
        }
        return image.flatten(0, 1)[:, None], replace(level, **repeated)
    if present == 1:
        return image.expand(-1, channels, -1, -1), level
    raise DenoiseError(
        f"the picture has {present} channels and the network takes {channels}; convert it to RGB or gray."
    )


def restore_channels(clean: Tensor, channels: int) -> Tensor:
    """Undo fit_channels: planes are gathered again, or the equal ones averaged."""
    present = clean.shape[1]
    if present == channels:
        return clean
    return clean.mean(dim=1, keepdim=True) if channels == 1 else clean.reshape(-1, channels, *clean.shape[-2:])
