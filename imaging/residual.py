"""What a denoiser removed, made visible: amplified, as a spectrum, and as the likeness of neighbouring pixels.

White noise has a flat spectrum and no likeness; picture detail shows as edges in the residual, as a bright cross or
ring in the spectrum and as a wide spot in the autocorrelation.
"""

from __future__ import annotations

import torch
from torch import Tensor

from .colour_map import heat
from .level import DenoiseError
from .spectrum import hann, radial_power, windowed_power

LARGEST_BLOCK, SMALLEST_BLOCK = 128, 16
SPECTRUM_DECIBELS = 20.0
"""The spectrum's colours span ±20 dB around its mean power."""


def removed(noisy: Tensor, denoised: Tensor) -> Tensor:
    """noisy − denoised, [B,H,W,C]. Raises DenoiseError when the sizes differ."""
    if noisy.shape != denoised.shape:
        raise DenoiseError(
            f"noisy is {tuple(noisy.shape)} and denoised {tuple(denoised.shape)}; give the picture before and after "
            "denoising, at the same size."
        )
    return noisy - denoised


def amplified(residual: Tensor, gain: float) -> Tensor:
    """[B,H,W,C] → 0.5 + gain·residual, clipped to [0,1]: gray where nothing was removed."""
    return (0.5 + gain * residual).clamp(0, 1)


def blocks(residual: Tensor) -> Tensor:
    """[1,H,W,C] → [N,1,S,S] half-overlapping blocks of the mean of the planes, without their mean (Welch 1967).

    Raises:
        DenoiseError: a side below 16 pixels.
    """
    gray = residual[0].mean(dim=-1)
    if min(gray.shape) < SMALLEST_BLOCK:
        raise DenoiseError(
            f"a spectrum needs at least {SMALLEST_BLOCK}x{SMALLEST_BLOCK} pixels, got {tuple(gray.shape)}."
        )
    side = LARGEST_BLOCK
    while side > min(gray.shape):
        side //= 2
    cut = gray.unfold(0, side, side // 2).unfold(1, side, side // 2).reshape(-1, 1, side, side)
    return cut - cut.mean(dim=(-2, -1), keepdim=True)


def power_spectrum(residual: Tensor) -> Tensor:
    """[1,H,W,C] → [S,S] mean power, zero frequency in the middle; white noise of deviation s is s² everywhere."""
    cut = blocks(residual)
    window = hann(cut.shape[-1])
    return torch.fft.fftshift(windowed_power(cut)) / window.square().sum()


def spectrum_picture(residual: Tensor) -> Tensor:
    """[1,H,W,C] → [1,S,S,3] heat map of the power spectrum on a logarithmic scale, low frequencies in the middle."""
    power = power_spectrum(residual)
    decibels = 10 * torch.log10(power / power.mean().clamp_min(1e-20) + 1e-12)
    return heat((decibels / SPECTRUM_DECIBELS + 1) / 2)[None].float()


def radial_decibels(residual: Tensor) -> tuple[list[float], list[float]]:
    """[1,H,W,C] → (frequencies in cycles per pixel, 0…0.5; power relative to the mean over frequencies, dB)."""
    cut = blocks(residual)
    power = radial_power(cut)[1:]
    side = cut.shape[-1]
    decibels = 10 * torch.log10(power / power.mean().clamp_min(1e-20) + 1e-12)
    return [(k + 1) / side for k in range(len(power))], decibels.tolist()


def autocorrelation(residual: Tensor, reach: int = 8) -> Tensor:
    """[1,H,W,C] → [2·reach+1,2·reach+1] correlation of pixels by their distance; 1 in the middle (Wiener–Khinchin).

    Raises:
        DenoiseError: a side below 16 pixels, or below twice the reach.
    """
    gray = residual[0].mean(dim=-1).double()
    if min(gray.shape) < max(SMALLEST_BLOCK, 2 * reach):
        raise DenoiseError(f"the autocorrelation needs at least {max(SMALLEST_BLOCK, 2 * reach)} pixels a side.")
    gray = gray - gray.mean()
    size = [side + reach for side in gray.shape]  # padded, so that the borders do not meet
    sums = torch.fft.irfft2(torch.fft.rfft2(gray, s=size).abs().square(), s=size)
    counts = torch.fft.irfft2(torch.fft.rfft2(torch.ones_like(gray), s=size).abs().square(), s=size)
    offset = torch.arange(-reach, reach + 1)
    near = (sums / counts)[offset[:, None], offset]
    return near / near[reach, reach].clamp_min(1e-30)


def autocorrelation_picture(residual: Tensor, side: int) -> Tensor:
    """[1,H,W,C] → [1,side,side,3] heat map of the autocorrelation's size, 0 dark, 1 light; each pixel a square."""
    values = autocorrelation(residual).abs()
    index = torch.arange(side) * len(values) // side
    return heat(values[index[:, None], index])[None].float()
