"""One training run over several processes, on one machine or many, which the optional accelerate brings together.

Every process has the whole network and its share of each batch. Samples and chance are those that a single process with
a batch as large as all of theirs together would see, so that both follow the same gradients.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from .recipe import RecipeError


class Processes:
    """This process among its equals.

    rank: its number, 0 being the one that validates and writes. count: of all. device: the one it shall use.

    Raises:
        RecipeError: accelerate is missing.
    """

    def __init__(self, cpu: bool = False) -> None:
        try:
            from accelerate import Accelerator
        except ImportError as error:
            raise RecipeError(
                "training in several processes needs accelerate; install it with pip install 'realdenoise[train]' or "
                "start a single process."
            ) from error
        self._accelerator = Accelerator(cpu=cpu)
        self.rank: int = self._accelerator.process_index
        self.count: int = self._accelerator.num_processes
        self.device: torch.device = self._accelerator.device

    @property
    def is_main(self) -> bool:
        """Whether this one validates and writes."""
        return self.rank == 0

    def average_gradients(self, network: nn.Module) -> None:
        """Every gradient becomes its mean over all processes, in one exchange."""
        gradients = [parameter.grad for parameter in network.parameters() if parameter.grad is not None]
        together = torch.cat([gradient.flatten() for gradient in gradients])
        mean: Any = self._accelerator.reduce(together, reduction="mean")
        start = 0
        for gradient in gradients:
            gradient.copy_(mean[start : start + gradient.numel()].view_as(gradient))
            start += gradient.numel()

    def agree(self, value: float) -> float:
        """The mean of a number over all processes, so that decisions about it are the same everywhere."""
        mean: Any = self._accelerator.reduce(torch.tensor(value, device=self.device), reduction="mean")
        return float(mean)

    def share_of_draws(self, count: int) -> ShareOfDraws:
        """Inside this context, `torch.rand` and `torch.randn` of `count` samples give this process its part."""
        return ShareOfDraws(self.rank, self.count, count)


class ShareOfDraws(TorchFunctionMode):
    """Draws from a generator for the samples of all processes are made by each, which keeps its own.

    Args:
        rank, processes: which part of how many. count: samples of one process; draws for a multiple of them,
            such as the quarters of pictures, are shared, too, and all others left alone.
    """

    def __init__(self, rank: int, processes: int, count: int) -> None:
        super().__init__()
        self._rank, self._processes, self._count = rank, processes, count

    def __torch_function__(
        self, function: Callable, types: Any, args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Tensor:
        kwargs = dict(kwargs or {})
        if function not in (torch.rand, torch.randn) or kwargs.get("generator") is None or not args:
            return function(*args, **kwargs)
        shape = [args[0], *args[1:]] if isinstance(args[0], int) else list(args[0])
        if not shape or shape[0] % self._count:
            return function(*args, **kwargs)
        everyones = function([self._processes * shape[0], *shape[1:]], **kwargs)
        return everyones[self._rank * shape[0] : (self._rank + 1) * shape[0]]


def launched_together(device: str = "auto") -> Processes | None:
    """This process among those of `accelerate launch` or torchrun; None when it was started alone.

    Args:
        device: 'cpu' keeps the processes off the GPUs.
    """
    if int(os.environ.get("WORLD_SIZE", "1")) < 2:
        return None
    return Processes(cpu=device == "cpu")
