"""Denoising score matching: the network's output is the score of the noisy pictures (Vincent 2011)."""

from __future__ import annotations

import torch
from torch import Tensor

from ...imaging.level import Level
from ..samples import Batch
from . import Student, objective


@objective
def score_matching(
    student: Student, batch: Batch, generator: torch.Generator, low: float = 5.0, high: float = 50.0
) -> Tensor:
    """E σ²·|s(x + σn) + n/σ|², σ even in the logarithm between low and high (0–255 scale), arXiv 1907.05600, eq. 5.

    σ²·|s + n/σ|² equals |D(x + σn) − x|²/σ² with D = x + σn + σ²·s (Tweedie), which is how it is computed.
    """
    clean = batch.clean
    ends = torch.tensor([low, high]).log()
    spread = torch.rand(clean.shape[0], generator=generator)
    sigma = (ends[0] + spread * (ends[1] - ends[0])).exp() / 255
    scale = sigma.view(-1, 1, 1, 1).to(clean.device)
    noise = torch.randn(clean.shape, generator=generator).to(clean.device)
    estimate = student.clean(clean + scale * noise, Level(sigma.to(clean.device)))
    return ((estimate - clean) / scale).square().mean()
