"""Does the spread of several answers tell where they are wrong?"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from ..imaging.metrics import psnr
from ..imaging.spread import Spread

BLOCK = 8
"""Side of the blocks in pixels that spread and error are averaged over."""


@dataclass(frozen=True)
class SpreadScore:
    """psnr: of the mean answer, rounded to 8 bits, in dB.

    spread, gradient, clean_gradient: Spearman's correlation with the RMS error of the mean over 8×8 blocks: of the RMS
    standard deviation of the answers, and of the RMS gradient of the mean answer and of the clean picture. What
    the last but one reaches, anybody can guess from the answer; a useful spread knows more.
    """

    psnr: float
    spread: float
    gradient: float
    clean_gradient: float


def score_spread(clean: Tensor, answers: Spread) -> SpreadScore:
    """How well the answers' spread foretells the error of their mean; clean [1,C,H,W] in [0,1], at least 16×16.

    Raises:
        ValueError: fewer than two blocks, or several pictures.
    """
    if clean.shape[0] != 1 or min(clean.shape[-2:]) < 2 * BLOCK:
        raise ValueError(f"a spread is judged on one picture of at least 16x16, got {tuple(clean.shape)}.")
    mean = (answers.mean.clamp(0, 1) * 255).round() / 255
    error = block_rms(mean - clean)
    maps = (answers.deviation, gradient_magnitude(answers.mean), gradient_magnitude(clean))
    spread, own, true = (rank_correlation(block_rms(each), error) for each in maps)
    return SpreadScore(float(psnr(clean.permute(0, 2, 3, 1), mean.permute(0, 2, 3, 1))), spread, own, true)


def block_rms(planes: Tensor) -> Tensor:
    """[1,C,H,W] → [H/8 · W/8] root mean square over all planes of each whole block; what is left over is left out."""
    squares = planes.double().square().mean(dim=1, keepdim=True)
    return F.avg_pool2d(squares, BLOCK).sqrt().flatten()


def gradient_magnitude(planes: Tensor) -> Tensor:
    """[B,C,H,W] → the same shape: length of the gradient by central differences, mirrored at the border."""
    padded = F.pad(planes, (1, 1, 1, 1), mode="replicate")
    down = (padded[..., 2:, 1:-1] - padded[..., :-2, 1:-1]) / 2
    right = (padded[..., 1:-1, 2:] - padded[..., 1:-1, :-2]) / 2
    return torch.hypot(down, right)


def rank_correlation(first: Tensor, second: Tensor) -> float:
    """Spearman's correlation of two equally long vectors; equal values share their mean rank, NaN if all are equal.

    Raises:
        ValueError: different or too small sizes.
    """
    if first.shape != second.shape or first.ndim != 1 or len(first) < 2:
        raise ValueError(f"ranks need two vectors of one length, got {tuple(first.shape)} and {tuple(second.shape)}.")
    ranks = torch.stack([_ranks(first), _ranks(second)])
    return float(torch.corrcoef(ranks)[0, 1])


def _ranks(values: Tensor) -> Tensor:
    _, which, count = values.unique(return_inverse=True, return_counts=True)
    last = count.cumsum(0).double()
    return (last - (count - 1) / 2)[which]
