"""The form of a network that answers fastest, made once and kept for as long as the weights stay the same."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from .fused import can_fuse, fused


class InferenceNetwork:
    """Chooses between a network as it is, its fused twin and its compiled one.

    Args:
        network: the original. device, dtype: where and in what it will run. compiled: through torch.compile.
    """

    def __init__(self, network: nn.Module, device: torch.device, dtype: torch.dtype, compiled: bool = False) -> None:
        self._network, self._device, self._dtype, self._compiled = network, device, dtype, compiled
        self._fuses = can_fuse(device, dtype)
        self._made: nn.Module | None = None
        self._weights: tuple = ()

    def around(self, network: nn.Module, device: torch.device) -> InferenceNetwork:
        """The same settings for another network."""
        return InferenceNetwork(network, device, self._dtype, self._compiled)

    def prepared(self, placed: nn.Module) -> nn.Module:
        """What to call, given the network on its device."""
        if not (self._fuses or self._compiled):
            return placed
        weights = tuple(_state(weight) for weight in placed.parameters())
        if self._made is None or weights != self._weights:
            network = fused(placed, self._dtype) if self._fuses else placed
            self._made = _compile(network) if self._compiled else network
            self._weights = weights
        return self._made

    def watched(self) -> nn.Module:
        """Whose layers can be asked between them whether to stop; a compiled network has none."""
        if self._compiled:
            return nn.Module()
        return self.prepared(self._network) if self._fuses else self._network


def _state(weight: Tensor) -> tuple[int, int]:
    """Changes when a weight is replaced or written to; inference tensors do not count writes."""
    return weight.data_ptr(), 0 if weight.is_inference() else weight._version


def _compile(network: nn.Module) -> nn.Module:
    """One graph for all window sizes, after the second of them."""
    return torch.compile(network)  # type: ignore[return-value]
