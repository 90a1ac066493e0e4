"""Exponential moving average of the weights: smoother than any single step's, and the ones that are kept."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Ema:
    """state: averaged parameters by name; buffers (batch norm statistics) are copied."""

    def __init__(self, network: nn.Module, decay: float) -> None:
        self.decay = decay
        self.state: dict[str, Tensor] = {key: value.detach().clone() for key, value in network.state_dict().items()}

    @torch.no_grad()
    def update(self, network: nn.Module, step: int) -> None:
        """Follow the network; in the first steps faster, so that the start is forgotten."""
        decay = min(self.decay, (1 + step) / (10 + step))
        for key, value in network.state_dict().items():
            if value.dtype.is_floating_point:
                self.state[key].lerp_(value, 1 - decay)
            else:
                self.state[key].copy_(value)
