"""Translation-invariant wavelet shrinkage with BayesShrink thresholds (Chang et al. 2000, Coifman & Donoho 1995)."""

from __future__ import annotations

import torch
from torch import Tensor

from ...imaging.shifted_sum import shifted_sum
from ...monitor import Monitor
from .base import ClassicalDenoiser, register
from .shifts import reflect_pad

LEVELS = 4
# Daubechies 2: the shortest orthogonal wavelet that sees no straight ramps.
LOW = (0.4829629131445341, 0.8365163037378079, 0.2241438680420134, -0.1294095225512604)


def _pair(device: torch.device) -> tuple[Tensor, Tensor]:
    low = torch.tensor(LOW, device=device) / 2**0.5  # undecimated: low-pass keeps the mean
    high = low.flip(0) * torch.tensor([1.0, -1.0, 1.0, -1.0], device=device)
    return low, high


def _filter(planes: Tensor, taps: Tensor, dim: int, dilation: int, adjoint: bool = False) -> Tensor:
    """Circular (anti)correlation of every plane with dilated taps along one axis."""
    reach, length = (len(taps) - 1) * dilation, planes.shape[dim]
    if adjoint:
        around = torch.cat([planes.narrow(dim, length - reach, reach), planes], dim=dim)
        return shifted_sum(around, taps.tolist()[::-1], dim, dilation)
    return shifted_sum(torch.cat([planes, planes.narrow(dim, 0, reach)], dim=dim), taps.tolist(), dim, dilation)


def _shrink(band: Tensor, noise: Tensor) -> Tensor:
    """Soft threshold t = σ²/σ_x per plane, σ_x the deviation of the clean band."""
    signal = (band.square().mean(dim=(-2, -1), keepdim=True) - noise**2).clamp_min(1e-12).sqrt()
    return band.sign() * (band.abs() - noise**2 / signal).clamp_min(0)


def wavelet(image: Tensor, sigma: Tensor, monitor: Monitor, levels: int = LEVELS) -> Tensor:
    """Undecimated Daubechies-2 transform, soft BayesShrink in every detail band, inverse.

    image [1,C,H,W]; sigma [1,1,1,1] on the [0,1] scale. Borders are mirrored.
    """
    planes = image.split(1, dim=1)  # one at a time: their bands take much room
    parts = (monitor.part(index, len(planes)) for index in range(len(planes)))
    return torch.cat([_plane(plane, sigma, part, levels) for plane, part in zip(planes, parts, strict=True)], dim=1)


def _plane(image: Tensor, sigma: Tensor, monitor: Monitor, levels: int) -> Tensor:
    """The same for [1,1,H,W]."""
    low, high = _pair(image.device)
    margin = 3 * 2**levels
    smooth = reflect_pad(image, margin)
    gain = 1.0  # noise deviation of the low band relative to the input
    details = []
    for index in range(levels):
        dilation = 2**index
        along = [_filter(smooth, taps, -1, dilation) for taps in (low, high)]
        bands = [[_filter(part, taps, -2, dilation) for taps in (low, high)] for part in along]
        scale = float(low.norm() * high.norm()) * gain
        diagonal = float(high.norm() ** 2) * gain
        (smooth, lh), (hl, hh) = bands
        details.append((_shrink(lh, scale * sigma), _shrink(hl, scale * sigma), _shrink(hh, diagonal * sigma)))
        gain *= float(low.norm() ** 2)
        monitor.advance((index + 1) / (2 * levels))
    for index in reversed(range(levels)):
        dilation = 2**index
        lh, hl, hh = details[index]
        low_columns = _filter(smooth, low, -2, dilation, True) + _filter(lh, high, -2, dilation, True)
        high_columns = _filter(hl, low, -2, dilation, True) + _filter(hh, high, -2, dilation, True)
        smooth = _filter(low_columns, low, -1, dilation, True) + _filter(high_columns, high, -1, dilation, True)
    return smooth[..., margin:-margin, margin:-margin]


register(ClassicalDenoiser("wavelet", "Wavelet shrinkage", "Chang, Yu, Vetterli 2000", wavelet))
