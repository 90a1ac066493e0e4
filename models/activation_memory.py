"""What a network's activations take, counted on shapes alone: nothing is computed and no memory is used."""

from __future__ import annotations

import copy
import weakref
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_flatten

SIDE = 256
REFUSALS = (RuntimeError, TypeError, ValueError, AttributeError, LookupError, AssertionError)
"""What a network may raise that looks at values, or keeps tensors where they cannot be exchanged."""


class _Living(TorchDispatchMode):
    """Adds up the storages that results of operations keep alive. ignored: storages that are nobody's result."""

    def __init__(self, ignored: set[int]) -> None:
        super().__init__()
        self.peak = self.largest = self._now = 0
        self._ignored, self._users = ignored, Counter[int]()

    def __torch_dispatch__(
        self, function: Callable, types: Any, args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        result = function(*args, **(kwargs or {}))
        for value in tree_flatten(result)[0]:
            if isinstance(value, Tensor):
                self._add(value)
        return result

    def _add(self, value: Tensor) -> None:
        storage = value.untyped_storage()
        key, size = storage._cdata, storage.nbytes()
        if key in self._ignored:
            return
        if not self._users[key]:
            self._now += size
            self.peak, self.largest = max(self.peak, self._now), max(self.largest, size)
        self._users[key] += 1
        weakref.finalize(value, self._remove, key, size)

    def _remove(self, key: int, size: int) -> None:
        self._users[key] -= 1
        if not self._users[key]:
            self._now -= size


def activation_memory(network: nn.Module, *planes: int) -> tuple[int, int] | None:
    """Bytes of float32 per pixel of a picture: (peak of everything alive at once, largest single tensor).

    None where a network cannot be followed without numbers. The input itself is not counted.

    Args:
        network: takes one [1,planes,H,W] for each of `planes`.
    """
    inputs = [torch.empty(1, count, SIDE, SIDE, device="meta") for count in planes]
    twin = _of_shapes(network)
    known = (*inputs, *twin.parameters(), *twin.buffers())
    living = _Living({value.untyped_storage()._cdata for value in known})
    try:
        with torch.no_grad(), living:
            twin(*inputs)
    except REFUSALS:
        return None
    return -(-living.peak // SIDE**2), -(-living.largest // SIDE**2)


def _of_shapes(network: nn.Module) -> nn.Module:
    """A copy without numbers; a copy, because networks such as SwinIR keep what they meet in a forward pass."""
    empty: dict[int, Any] = {id(value): torch.empty_like(value, device="meta") for value in network.buffers()}
    for value in network.parameters():
        empty[id(value)] = nn.Parameter(torch.empty_like(value, device="meta"), requires_grad=False)
    return copy.deepcopy(network, empty)
