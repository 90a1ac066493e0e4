"""Noise2Noise: learn from pairs of noisy pictures of one scene (Lehtinen et al., arXiv 1803.04189)."""

from __future__ import annotations

import torch
from torch import Tensor

from ..samples import Batch
from . import Student, distance, known_level, objective


@objective
def noise2noise(student: Student, batch: Batch, generator: torch.Generator, norm: str = "l2") -> Tensor:
    """Distance of the clean estimate from another noisy picture; with l2 its minimum is the clean mean (eq. 6)."""
    return distance(student.clean(batch.noisy, known_level(batch, student.spec)), batch.second, norm)
