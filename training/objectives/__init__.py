"""What a network is trained to do: one objective per file, registered under the name recipes use."""

from __future__ import annotations

import importlib
import math
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ...imaging.level import Level
from ...models.adapters import predict_clean
from ...models.contract import Spec
from ..samples import Batch


@dataclass(frozen=True)
class Student:
    """A network in training, and what is true of it."""

    network: nn.Module
    spec: Spec

    def clean(self, noisy: Tensor, level: Level) -> Tensor:
        """The clean estimate, with gradients."""
        return predict_clean(self.network, self.spec, noisy, level)


Objective = Callable[..., Tensor]
"""(student, batch, generator, **options of the recipe) → scalar loss."""

SMALLEST_ERROR = 1e-6
"""60 dB: below that a sample asks for no more."""

_objectives: dict[str, Objective] = {}


def objective(function: Objective) -> Objective:
    """Register a function under its own name. Raises ValueError when that is taken."""
    if function.__name__ in _objectives:
        raise ValueError(f"objective {function.__name__!r} is registered twice.")
    _objectives[function.__name__] = function
    return function


def objectives() -> dict[str, Objective]:
    """All objectives by name; every file of this folder is imported on the first call."""
    for module in pkgutil.iter_modules(__path__):
        importlib.import_module(f"{__name__}.{module.name}")
    return dict(_objectives)


def known_level(batch: Batch, spec: Spec) -> Level:
    """What a network that needs it is told: the batch's sigma."""
    return Level(batch.sigma if spec.needs_sigma else None)


@dataclass(frozen=True)
class Teacher:
    """A trained denoiser to learn from; see `Recipe.teacher`."""

    network: nn.Module
    spec: Spec
    share: float

    def target(self, noisy: Tensor, clean: Tensor, sigma: Tensor) -> Tensor:
        """`clean` moved towards the teacher's estimate where the noise is white, sigma [B] not being NaN."""
        white = ~torch.isnan(sigma)
        if not white.any():
            return clean
        level = Level(sigma[white] if self.spec.needs_sigma else None)
        with torch.no_grad():
            said = predict_clean(self.network, self.spec, noisy[white], level)
        target = clean.clone()
        target[white] = torch.lerp(clean[white], said, self.share)
        return target


def distance(estimate: Tensor, target: Tensor, norm: str, clean: Tensor | None = None) -> Tensor:
    """Mean l1, l2 or charbonnier (√(d² + 1e-6)) distance, or minus the PSNR in dB.

    Args:
        clean: what the PSNR is measured against where the target comes from a teacher; its gradient still leads to
            the target, weighed by the present error, so that every decibel counts alike at weak and at strong noise.

    Raises:
        ValueError: another name.
    """
    difference = estimate - target
    if norm == "l1":
        return difference.abs().mean()
    if norm == "l2":
        return difference.square().mean()
    if norm == "charbonnier":
        return (difference.square() + 1e-6).sqrt().mean()
    if norm == "psnr":
        return _minus_psnr(difference, estimate.detach() - (target if clean is None else clean))
    raise ValueError(f"norm {norm!r} is unknown; use l1, l2, charbonnier or psnr.")


def _minus_psnr(difference: Tensor, error: Tensor) -> Tensor:
    """The value is 10·log10 of the mean squared `error`; the gradient has `difference` in its place."""
    present = error.square().flatten(1).mean(1).clamp_min(SMALLEST_ERROR)
    share = difference.square().flatten(1).mean(1) / present  # d ln(e) = de / e
    return (10 / math.log(10) * (share - share.detach() + present.log())).mean()
