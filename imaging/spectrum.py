"""How much detail of each size pictures hold: the radially averaged power spectrum."""

from __future__ import annotations

import torch
from torch import Tensor


def hann(side: int) -> Tensor:
    """[S,S] float64 window that keeps the jump from one border to the other from looking like detail."""
    line = torch.hann_window(side, periodic=False, dtype=torch.float64)
    return line * line[:, None]


def windowed_power(pictures: Tensor) -> Tensor:
    """[B,C,S,S] → [S,S] float64 mean power of all planes behind a Hann window, zero frequency first."""
    window = hann(pictures.shape[-1]).to(pictures.device)
    return torch.fft.fft2(pictures.double() * window).abs().square().mean(dim=(0, 1))


def radial_power(pictures: Tensor) -> Tensor:
    """Mean power at each whole spatial frequency, over all directions, planes and pictures, behind a Hann window.

    Args:
        pictures: [B,C,S,S] square, any scale.

    Returns:
        [S/2 + 1] float64; entry k belongs to k periods per picture side. 10·log10 of it is in dB.

    Raises:
        ValueError: not square.
    """
    side = pictures.shape[-1]
    if pictures.ndim != 4 or pictures.shape[-2] != side:
        raise ValueError(f"the radial spectrum needs square pictures [B,C,S,S], got {tuple(pictures.shape)}.")
    power = windowed_power(pictures)
    frequency = torch.fft.fftfreq(side, 1 / side, device=pictures.device)
    radius = torch.hypot(frequency[:, None], frequency).round().long()
    kept = radius <= side // 2
    count = torch.bincount(radius[kept], minlength=side // 2 + 1)
    total = torch.zeros(side // 2 + 1, dtype=torch.float64, device=pictures.device)
    return total.index_add_(0, radius[kept], power[kept]) / count
