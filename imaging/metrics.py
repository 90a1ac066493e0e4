"""PSNR and SSIM, per picture."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

WINDOW, SPREAD = 11, 1.5
K1, K2 = 0.01, 0.03


def _pair(reference: Tensor, image: Tensor) -> tuple[Tensor, Tensor]:
    if reference.shape != image.shape:
        raise ValueError(
            f"reference is {tuple(reference.shape)} and image is {tuple(image.shape)}; both need the same size to be compared."
        )
    if reference.ndim != 4 or reference.numel() == 0:
        raise ValueError(f"pictures to compare must be non-empty [B,H,W,C], got {tuple(reference.shape)}.")
    return reference, image


def psnr(reference: Tensor, image: Tensor) -> Tensor:
    """[B,H,W,C] twice, [0,1] scale → [B] 10·log10(1/MSE) in dB; infinity for equal pictures.

    Raises:
        ValueError: different shapes or nothing to compare.
    """
    reference, image = _pair(reference, image)
    error = (reference.double() - image.double()).square().flatten(1).mean(dim=1)
    return -10 * torch.log10(error)


def ssim(reference: Tensor, image: Tensor) -> Tensor:
    """[B,H,W,C] twice, [0,1] scale → [B] structural similarity (Wang et al. 2004).

    11×11 Gaussian window with σ 1.5, K1 .01, K2 .03, valid crop, mean over channels: scikit-image's
    `structural_similarity(gaussian_weights=True, sigma=1.5, use_sample_covariance=False)`.

    Raises:
        ValueError: different shapes, or a side below 11 pixels.
    """
    reference, image = _pair(reference, image)
    if min(reference.shape[1:3]) < WINDOW:
        raise ValueError(f"SSIM needs at least {WINDOW}x{WINDOW} pixels, got {tuple(reference.shape[1:3])}; use PSNR.")
    x, y = (t.permute(0, 3, 1, 2).double() for t in (reference, image))
    blurred = [_blur(t) for t in (x, y, x * x, y * y, x * y)]
    mean_x, mean_y, xx, yy, xy = blurred
    var_x, var_y, cov = xx - mean_x**2, yy - mean_y**2, xy - mean_x * mean_y
    c1, c2 = K1**2, K2**2
    luminance = (2 * mean_x * mean_y + c1) / (mean_x**2 + mean_y**2 + c1)
    structure = (2 * cov + c2) / (var_x + var_y + c2)
    return (luminance * structure).flatten(1).mean(dim=1)


def _blur(planes: Tensor) -> Tensor:
    offset = torch.arange(WINDOW, dtype=planes.dtype, device=planes.device) - WINDOW // 2
    taps = torch.exp(-(offset**2) / (2 * SPREAD**2))
    taps = taps / taps.sum()
    single = planes.flatten(0, 1)[:, None]
    single = F.conv2d(F.conv2d(single, taps.view(1, 1, -1, 1)), taps.view(1, 1, 1, -1))
    return single.view(*planes.shape[:2], *single.shape[-2:])
