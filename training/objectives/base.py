"""What an objective must be able to do, and the distances they share."""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor, nn

from ...imaging.level import DenoiseError, Level
from ...models.adapters import predict_clean
from ...models.contract import Spec
from ..data import Batch

LOSSES = ("charbonnier", "l1", "l2")


class Objective(Protocol):
    """A frozen dataclass whose fields are the recipe's options."""

    @property
    def second(self) -> bool:
        """Whether every sample needs a second noisy copy."""
        ...

    def loss(self, network: nn.Module, spec: Spec, batch: Batch) -> Tensor:
        """The number to be lowered, a mean over the batch."""
        ...

    def clean(self, network: nn.Module, spec: Spec, noisy: Tensor, sigma: Tensor) -> Tensor:
        """The clean estimate that validation measures."""
        ...


class ThroughContract:
    """Objectives whose network is validated as it will be used: through the denoiser contract."""

    second = False

    def clean(self, network: nn.Module, spec: Spec, noisy: Tensor, sigma: Tensor) -> Tensor:
        """The contract's clean estimate at the known sigma [B]."""
        return predict_clean(network, spec, noisy, Level(sigma=sigma))


def distance(kind: str, estimate: Tensor, target: Tensor, epsilon: float = 1e-3) -> Tensor:
    """Mean of |d| ('l1'), d² ('l2') or √(d² + ε²) ('charbonnier')."""
    difference = estimate - target
    if kind == "l1":
        return difference.abs().mean()
    if kind == "l2":
        return difference.square().mean()
    if kind == "charbonnier":
        return torch.sqrt(difference.square() + epsilon**2).mean()
    raise DenoiseError(f"loss '{kind}' is unknown; use one of {', '.join(LOSSES)}.")
