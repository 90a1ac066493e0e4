"""LPIPS, the learned distance of Zhang et al. 2018 (arXiv 1801.03924), by the package `lpips` when it is there."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from .level import DenoiseError

SMALLEST = 31
"""Pixels a side below which nothing is left after AlexNet's strides."""
BACKBONE = "alexnet-owt-7be5be79.pth"
"""AlexNet's weights, which the package takes from torch's cache, or from the network when they are not there."""


@lru_cache(maxsize=1)
def _network() -> Any:
    try:
        from lpips import LPIPS  # type: ignore[import-not-found]
    except ImportError as error:
        raise ImportError("LPIPS needs an optional package; install it with: pip install lpips") from error
    folder = Path(torch.hub.get_dir()) / "checkpoints"
    if not (folder / BACKBONE).is_file():  # nothing is downloaded behind the user's back
        raise DenoiseError(
            f"LPIPS needs AlexNet's weights, which are not in {folder}; fetch them once in a terminal with: "
            "python -c \"import lpips; lpips.LPIPS(net='alex')\""
        )
    return LPIPS(net="alex", verbose=False).eval()


def lpips(reference: Tensor, image: Tensor) -> Tensor:
    """[B,H,W,C] twice, [0,1] scale → [B] LPIPS (AlexNet, version 0.1), float64; 0 = equal.

    Raises:
        ImportError: the package is not installed. DenoiseError: AlexNet's weights are not in torch's cache.
        ValueError: a side below 31 pixels.
    """
    if min(image.shape[1:3]) < SMALLEST:
        raise ValueError(f"LPIPS needs at least {SMALLEST}x{SMALLEST} pixels, got {tuple(image.shape[1:3])}; use SSIM.")
    network = _network()
    first, second = (
        (2 * picture.float().expand(*picture.shape[:3], 3) - 1).clamp(-1, 1).permute(0, 3, 1, 2)
        for picture in (reference, image)
    )
    with torch.no_grad():
        return torch.cat([network(a[None], b[None]).flatten().double() for a, b in zip(first, second, strict=True)])
