"""How much of a denoised picture to take: strength for luma and chroma apart, detail given back, protected parts."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from .shifted_sum import shifted_sum

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
    if luma == chroma:
        return torch.lerp(noisy, clean, luma)
    change = clean - noisy
    brightness = luma_of(change)
    return change.sub_(brightness).mul_(chroma).add_(noisy).add_(brightness, alpha=luma)


def wavelet_bands(planes: Tensor, count: int) -> list[Tensor]:
    """`count` detail bands, finest first, and the smooth rest; they sum to the picture (à trous, mirrored borders)."""
    bands, smooth = [], planes
    for level in range(count):
        blurred = _blur(smooth, 2**level)
        bands.append(smooth - blurred)
        smooth = blurred
    return [*bands, smooth]


def _blur(planes: Tensor, dilation: int) -> Tensor:
    reach = 2 * dilation
    mode = "reflect" if reach < min(planes.shape[-2:]) else "replicate"
    blurred = torch.empty_like(planes)
    for frame, target in zip(planes.split(1), blurred, strict=True):
        for channel in range(frame.shape[1]):  # one at a time: large pictures take little more room
            padded = F.pad(frame[:, channel : channel + 1], (reach,) * 4, mode=mode)
            target[channel] = shifted_sum(shifted_sum(padded, BLUR, 2, dilation), BLUR, 3, dilation)[0, 0]
    return blurred


def recover_detail(noisy: Tensor, clean: Tensor, amounts: tuple[float, ...]) -> Tensor:
    """Give back a share of what was removed, band by band: amounts[0] of the finest, amounts[1] of the next, …

    Noise of a photograph sits mostly in the finest bands and lost texture in the next ones, so amounts like
    (0, 0.2, 0.3) bring back grain-free detail. Pictures [B,C,H,W]; `clean` itself when all amounts are 0.

    Raises:
        ValueError: an amount outside 0..1.
    """
    if any(not 0 <= amount <= 1 for amount in amounts):
        raise ValueError(f"detail amounts must be between 0 and 1, got {amounts}.")
    if not any(amounts):
        return clean
    *bands, _ = wavelet_bands(noisy - clean, max(level for level, amount in enumerate(amounts, 1) if amount))
    result = clean.clone()
    for amount, band in zip(amounts, bands, strict=False):
        result.add_(band, alpha=amount)
    return result


def protect(noisy: Tensor, clean: Tensor, mask: Tensor) -> Tensor:
    """The input where mask [B,1,H,W] is 1, the denoised picture where it is 0, a blend between."""
    return torch.lerp(clean, noisy, mask.clamp(0, 1))
