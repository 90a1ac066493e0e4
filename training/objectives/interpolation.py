"""Interpolation diffusion: see the clean picture from anywhere between clean and noisy (arXiv 2305.04457, alg. 1)."""

from __future__ import annotations

import torch
from torch import Tensor

from ...imaging.level import Level
from ..samples import Batch
from . import Student, Teacher, distance, objective

SMALLEST_ALPHA = 1e-3


@objective
def interpolation(
    student: Student,
    batch: Batch,
    generator: torch.Generator,
    full_share: float = 0.4,
    norm: str = "charbonnier",
    teacher: Teacher | None = None,
) -> Tensor:
    """Distance of S(x_t, t) from x_0 at random t.

    full_share: share of the samples at alpha = 1, where the network is used most; the others are even in (0,1].
        teacher: gives the target for white noise; mixing scales its sigma by alpha.
    """
    count = batch.clean.shape[0]
    full = torch.rand(count, generator=generator) < full_share
    alpha = torch.where(full, 1.0, torch.rand(count, generator=generator)).clamp_min(SMALLEST_ALPHA)
    alpha = alpha.to(batch.clean.device)
    mixed = torch.lerp(batch.clean, batch.noisy, alpha.view(-1, 1, 1, 1))  # x_t = (1−α)·x_0 + α·x_T
    target = batch.clean if teacher is None else teacher.target(mixed, batch.clean, alpha * batch.sigma)
    return distance(student.clean(mixed, Level(alpha=alpha)), target, norm, batch.clean)
