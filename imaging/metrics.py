"""PSNR, SSIM, MS-SSIM and mean absolute error, one number per picture. Pictures are [B,H,W,C] on the [0,1] scale."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import torch
import torch.nn.functional as F
from torch import Tensor

from .layout import value_range
from .shifted_sum import shifted_sum

WINDOW, SPREAD = 11, 1.5
K1, K2 = 0.01, 0.03
SCALES = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
"""Weights of the scales of MS-SSIM, finest first (Wang, Simoncelli & Bovik 2003, section 3.2)."""
BRIGHTEST = 8.0
"""Values from which on SSIM is computed in float64: the variances it needs are differences of squares."""
ROWS = 64
TILE = (32, 1024)
"""Rows and values per row of a tile on a CPU: large enough to hide the cost of a call, small enough for the caches."""


def _pair(reference: Tensor, image: Tensor) -> tuple[Tensor, Tensor]:
    for name, picture in (("reference", reference), ("image", image)):
        if not isinstance(picture, Tensor) or not picture.is_floating_point():
            kind = picture.dtype if isinstance(picture, Tensor) else type(picture).__name__
            raise TypeError(f"{name} is {kind}; give a floating-point tensor [B,H,W,C] in [0,1].")
    if reference.shape != image.shape:
        raise ValueError(
            f"reference is {tuple(reference.shape)} and image is {tuple(image.shape)}; both need the same size to be "
            "compared."
        )
    if reference.ndim != 4 or reference.numel() == 0:
        raise ValueError(f"pictures to compare must be non-empty [B,H,W,C], got {tuple(reference.shape)}.")
    return reference, image


def psnr(reference: Tensor, image: Tensor) -> Tensor:
    """[B,H,W,C] twice, [0,1] scale → [B] 10·log10(1/MSE) in dB, float64; infinity for equal pictures.

    Raises:
        TypeError: no floating-point tensor. ValueError: different shapes or nothing to compare.
    """
    reference, image = _pair(reference, image)
    return -10 * torch.log10(_mean(Tensor.square_, reference, image))


def mae(reference: Tensor, image: Tensor) -> Tensor:
    """[B,H,W,C] twice, [0,1] scale → [B] mean absolute error on that scale, float64.

    Raises:
        TypeError: no floating-point tensor. ValueError: different shapes or nothing to compare.
    """
    reference, image = _pair(reference, image)
    return _mean(Tensor.abs_, reference, image)


def _mean(measure: Callable[[Tensor], Tensor], reference: Tensor, image: Tensor) -> Tensor:
    """[B] means of the measured differences, float64; in blocks of rows, so that no picture is copied."""
    blocks = zip(reference.split(ROWS, dim=1), image.split(ROWS, dim=1), strict=True)
    sums = [measure(one.double() - other).flatten(1).sum(dim=1) for one, other in blocks]
    return torch.stack(sums).sum(dim=0) / reference[0].numel()


def ssim(reference: Tensor, image: Tensor) -> Tensor:
    """[B,H,W,C] twice, [0,1] scale → [B] structural similarity (Wang et al. 2004, equation 13), float64.

    11×11 Gaussian window with σ 1.5, K1 .01, K2 .03, valid crop, mean over channels: scikit-image's
    `structural_similarity(data_range=1, gaussian_weights=True, sigma=1.5, use_sample_covariance=False)`.

    Raises:
        TypeError: no floating-point tensor. ValueError: different shapes, or a side below 11 pixels.
    """
    x, y = _alike(*_pair(reference, image))
    if min(x.shape[1:3]) < WINDOW:
        raise ValueError(f"SSIM needs at least {WINDOW}x{WINDOW} pixels, got {tuple(x.shape[1:3])}; use PSNR.")
    return torch.stack([_similarity(a.flatten(1), b.flatten(1), x.shape[-1])[0] for a, b in zip(x, y, strict=True)])


def ms_ssim(reference: Tensor, image: Tensor) -> Tensor:
    """[B,H,W,C] twice, [0,1] scale → [B] multi-scale SSIM (Wang, Simoncelli & Bovik 2003, equation 7), float64.

    Five scales; between them 2×2 means, odd sides padded by a zero on both ends; negative terms count as 0; mean
    over channels of the products: pytorch-msssim's `ms_ssim(data_range=1)`.

    Raises:
        TypeError: no floating-point tensor. ValueError: different shapes, or a side of 160 pixels or fewer.
    """
    x, y = (image.permute(0, 3, 1, 2).flatten(0, 1) for image in _alike(*_pair(reference, image)))
    smallest = (WINDOW - 1) * 2 ** (len(SCALES) - 1)
    if min(x.shape[-2:]) <= smallest:
        raise ValueError(f"MS-SSIM needs more than {smallest}x{smallest} pixels, got {tuple(x.shape[-2:])}; use SSIM.")
    product = torch.ones(len(x), dtype=torch.float64, device=x.device)
    for scale, weight in enumerate(SCALES):
        terms = torch.stack([_similarity(a, b) for a, b in zip(x, y, strict=True)])
        last = scale == len(SCALES) - 1
        product *= terms[:, 0 if last else 1].clamp_min(0) ** weight
        if not last:
            padding = [side % 2 for side in x.shape[-2:]]
            x, y = (F.avg_pool2d(t[:, None], 2, padding=padding)[:, 0] for t in (x, y))
    return product.view(len(image), -1).mean(dim=1)


def _alike(*images: Tensor) -> list[Tensor]:
    """The pictures contiguous, in float64 if one is or if squares in float32 would swallow fine differences."""
    fine = any(image.dtype == torch.float64 or max(map(abs, value_range(image))) > BRIGHTEST for image in images)
    dtype = torch.float64 if fine else torch.float32
    return [image.to(dtype).contiguous() for image in images]


def _similarity(x: Tensor, y: Tensor, step: int = 1) -> Tensor:
    """Means over the valid crop of SSIM and of its contrast-structure factor: [2] float64.

    x, y: [H,W·step]; neighbours in a row lie `step` values apart, so that interleaved channels need no rearranging.
    """
    edge = WINDOW - 1
    height, width = len(x) - edge, x.shape[1] - edge * step
    tall, wide = TILE if x.device.type == "cpu" else (height, width)
    tiles = [
        (slice(top, min(top + tall, height) + edge), slice(left, min(left + wide, width) + edge * step))
        for top in range(0, height, tall)
        for left in range(0, width, wide)
    ]
    return torch.stack([_tile(x[tile], y[tile], step) for tile in tiles]).sum(dim=0) / (height * width)


def _tile(x: Tensor, y: Tensor, step: int) -> Tensor:
    """Sums of SSIM and of its contrast-structure factor over the valid crop of a tile: [2] float64."""
    # SSIM needs the variances only as their sum, so four local means do instead of five.
    maps = torch.empty(4, *x.shape, dtype=x.dtype, device=x.device)
    maps[0], maps[1] = x, y
    torch.mul(x, y, out=maps[2])
    torch.mul(x, x, out=maps[3]).addcmul_(y, y)
    x, y, product, squares = _blur(maps, step)
    mean_product, mean_squares = x * y, (x * x).addcmul_(y, y)
    c1, c2 = K1**2, K2**2
    contrast = product.sub_(mean_product).mul_(2).add_(c2).div_(squares.sub_(mean_squares).add_(c2))
    luminance = mean_product.mul_(2).add_(c1).div_(mean_squares.add_(c1))
    return torch.stack([(luminance.mul_(contrast)).sum(), contrast.sum()]).double()


@lru_cache(maxsize=1)
def _taps() -> list[float]:
    offset = torch.arange(WINDOW, dtype=torch.float64) - WINDOW // 2
    taps = torch.exp(-(offset**2) / (2 * SPREAD**2))
    return (taps / taps.sum()).tolist()


@lru_cache(maxsize=64)
def _band(rows: int, dtype: torch.dtype) -> Tensor:
    """[rows−10,rows] matrix of the taps: its product with a picture is the Gaussian mean down the columns."""
    with torch.inference_mode(False):  # it outlives the call, and so the mode that ComfyUI runs nodes in
        matrix = torch.zeros(rows - WINDOW + 1, rows, dtype=torch.float64)
        for shift, tap in enumerate(_taps()):
            matrix.diagonal(shift)[: len(matrix)] = tap
        return matrix.to(dtype)


def _blur(maps: Tensor, step: int) -> Tensor:
    """[4,h,w·step] → [4,h−10,(w−10)·step] Gaussian means, on a CPU faster than conv2d.

    Down the columns as a matrix product while there are few rows, else and along the rows as sums of shifted copies.
    """
    if maps.device.type == "cpu" and maps.shape[1] <= TILE[0] + WINDOW - 1:
        return shifted_sum(_band(maps.shape[1], maps.dtype) @ maps, _taps(), 2, step)
    return shifted_sum(shifted_sum(maps, _taps(), 1), _taps(), 2, step)
