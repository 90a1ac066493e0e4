"""Plain regression: the clean picture from the noisy one. For residual networks this is residual learning."""

from __future__ import annotations

import torch
from torch import Tensor

from ..samples import Batch
from . import Student, Teacher, distance, known_level, objective


@objective
def regression(
    student: Student,
    batch: Batch,
    generator: torch.Generator,
    norm: str = "charbonnier",
    teacher: Teacher | None = None,
) -> Tensor:
    """Distance of the clean estimate from the clean picture; equal to that of predicted from true noise."""
    target = batch.clean if teacher is None else teacher.target(batch.noisy, batch.clean, batch.sigma)
    return distance(student.clean(batch.noisy, known_level(batch, student.spec)), target, norm, batch.clean)
