"""Interpolation diffusion: estimate the clean picture from any point between clean and noisy (arXiv 2305.04457)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ...imaging.level import Level
from ...models.adapters import predict_clean
from ...models.contract import Spec
from ..data import Batch
from .base import ThroughContract, distance


@dataclass(frozen=True)
class Interpolation(ThroughContract):
    """at_end: share of samples at α = 1, where one-step denoising happens. epsilon: of the Charbonnier loss."""

    at_end: float = 0.4
    epsilon: float = 1e-3

    def loss(self, network: nn.Module, spec: Spec, batch: Batch) -> Tensor:
        """Algorithm 1: x_t = (1 − α)·x_0 + α·x_T, Charbonnier distance of S(x_t, t) to x_0."""
        at_end, alpha = batch.uniform() < self.at_end, 1 - batch.uniform()
        alpha = torch.where(at_end, torch.ones_like(alpha), alpha)
        share = alpha[:, None, None, None]
        mixed = (1 - share) * batch.clean + share * batch.noisy
        estimate = predict_clean(network, spec, mixed, Level(sigma=batch.sigma * alpha, alpha=alpha))
        return distance("charbonnier", estimate, batch.clean, self.epsilon)
