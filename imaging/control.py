"""How much of a denoised picture to take: strength for luma and chroma apart, detail given back, protected parts."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

# Rec. 601, full range: the orthogonal split that photographs and JPEG use.
LUMA = (0.299, 0.587, 0.114)
BLUR = (1 / 16, 4 / 16, 6 / 16, 4 / 16, 1 / 16)
"""The B3 spline of the à-trous wavelet transform (Starck & Murtagh 1994)."""


def luma_of(planes: Tensor) -> Tensor:
    """[B,3,H,W] → [B,1,H,W] luma; one plane is its own luma."""
    if planes.shape[1] == 1:
        return planes
    weights = torch.tensor(LUMA, dtype=planes.dtype, device=planes.device).view(1, 3, 1, 1)
    return (planes * weights).sum(dim=1, keepdim=True)


def blend_luma_chroma(noisy: Tensor, clean: Tensor, luma: float, chroma: float) -> Tensor:
    """noisy + luma·(change of brightness) + chroma·(change of colour); strengths 0..1, pictures [B,C,H,W].

    Raises:
        ValueError: a strength outside 0..1.
    """
    for name, value in (("luma", luma), ("chroma", chroma)):
        if not 0 <= value <= 1:
            raise ValueError(f"{name} strength must be between 0 and 1, got {value}.")
    change = clean - noisy
    brightness = luma_of(change)
    return noisy + luma * brightness + chroma * (change - brightness)


def wavelet_bands(planes: Tensor, count: int) -> list[Tensor]:
    """`count` detail bands, finest first, and the smooth rest; they sum to the picture (à trous, mirrored borders)."""
    bands, smooth = [], planes
    taps = torch.tensor(BLUR, dtype=planes.dtype, device=planes.device)
    for level in range(count):
        blurred = _blur(smooth, taps, 2**level)
        bands.append(smooth - blurred)
        smooth = blurred
    return [*bands, smooth]


def _blur(planes: Tensor, taps: Tensor, dilation: int) -> Tensor:
    reach = 2 * dilation
    mode = "reflect" if reach < min(planes.shape[-2:]) else "replicate"
    single = F.pad(planes.flatten(0, 1)[:, None], (reach,) * 4, mode=mode)
    rows = F.conv2d(single, taps.view(1, 1, -1, 1), dilation=(dilation, 1))
    return F.conv2d(rows, taps.view(1, 1, 1, -1), dilation=(1, dilation)).view_as(planes)


def recover_detail(noisy: Tensor, clean: Tensor, amounts: tuple[float, ...]) -> Tensor:
    """Give back a share of what was removed, band by band: amounts[0] of the finest, amounts[1] of the next, …

    Noise of a photograph sits mostly in the finest bands and lost texture in the next ones, so amounts like
    (0, 0.2, 0.3) bring back grain-free detail. Pictures [B,C,H,W].

    Raises:
        ValueError: an amount outside 0..1.
    """
    if any(not 0 <= amount <= 1 for amount in amounts):
        raise ValueError(f"detail amounts must be between 0 and 1, got {amounts}.")
    bands = wavelet_bands(noisy - clean, len(amounts))
    return clean + sum((amount * band for amount, band in zip(amounts, bands, strict=False)), torch.zeros_like(clean))


def protect(noisy: Tensor, clean: Tensor, mask: Tensor) -> Tensor:
    """The input where mask [B,1,H,W] is 1, the denoised picture where it is 0, a blend between."""
    return clean + mask.clamp(0, 1) * (noisy - clean)
