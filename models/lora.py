"""Low-rank adapters: a small correction of every convolution, learned from a few pictures (arXiv 2106.09685)."""

from __future__ import annotations

import copy
import math
import re
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from ..imaging.level import DenoiseError
from ..imaging.randomness import seeded
from .quantise import as_floats
from .weight_file import read_weights

METADATA = "adapter"
"""Metadata key that tells an adapter's file from a denoiser's; its value is KIND."""
KIND = "lora"
RANK = 8
_NAME = re.compile(r"_lora(_\d+)?\.safetensors$")
_INSIDE = ".parametrizations.weight.0."


class LowRank(nn.Module):
    """W → W + B·A, with W seen as a matrix [first axis, all others] (equation 3, α = r).

    A is drawn as for a convolution and B starts at zero, so that a new adapter changes nothing.
    """

    def __init__(self, weight: Tensor, rank: int) -> None:
        super().__init__()
        rows, columns = weight.flatten(1).shape
        rank = min(rank, rows, columns)
        self.down = nn.Parameter(torch.empty(rank, columns))
        self.up = nn.Parameter(torch.zeros(rows, rank))
        nn.init.kaiming_uniform_(self.down, a=math.sqrt(5))

    def forward(self, weight: Tensor) -> Tensor:
        """The corrected weight."""
        return weight + (self.up @ self.down).view_as(weight)


def adapted(network: nn.Module, rank: int = RANK, seed: int = 0) -> nn.Module:
    """A copy of `network` whose convolutions carry new adapters; these alone have gradients.

    Raises:
        DenoiseError: rank below 1, or a network without convolutions.
    """
    if rank < 1:
        raise DenoiseError(f"the adapter's rank is {rank}; use 1 or more, for example {RANK}.")
    network = copy.deepcopy(as_floats(network)).requires_grad_(False)
    layers = [module for module in network.modules() if isinstance(module, (nn.Conv2d, nn.ConvTranspose2d))]
    if not layers:
        raise DenoiseError("this denoiser has no convolutions to adapt; train it as a whole.")
    with seeded(seed):
        for layer in layers:
            low_rank = LowRank(layer.weight, rank).to(layer.weight.device)
            parametrize.register_parametrization(layer, "weight", low_rank)
    return network


def adapter_tensors(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The adapters alone, out of the state dict of an adapted network: `<layer>.up` and `<layer>.down`."""
    return {key.replace(_INSIDE, "."): value for key, value in state.items() if _INSIDE in key}


def with_adapter(network: nn.Module, tensors: Mapping[str, Tensor], strength: float = 1.0) -> nn.Module:
    """A copy of `network` with W + strength·B·A in place of every W; as fast as without adapter.

    The copy of a quantised network is not quantised.

    Raises:
        DenoiseError: an adapter of another network, or a strength that is not finite.
    """
    if not math.isfinite(strength):
        raise DenoiseError(f"the adapter's strength is {strength}; use a number such as 1.")
    network = copy.deepcopy(as_floats(network))
    layers = dict(network.named_modules())
    with torch.no_grad():
        for name in sorted({key.rpartition(".")[0] for key in tensors}) or [""]:
            weight = getattr(layers.get(name), "weight", None)
            up, down = (tensors.get(f"{name}.{part}", torch.empty(0)).float() for part in ("up", "down"))
            shapes = (up.ndim, down.ndim, up.shape[-1:] == down.shape[:1])
            if weight is None or shapes != (2, 2, True) or (len(up), down.shape[1]) != weight.flatten(1).shape:
                raise DenoiseError(f"the adapter does not fit this denoiser (layer {name}); choose the one it is for.")
            weight += strength * (up @ down).view_as(weight).to(weight.device)
    return network


def read_adapter(path: Path) -> tuple[dict[str, Tensor], Mapping[str, str]]:
    """The tensors of an adapter's file, and what it says about itself. Raises DenoiseError for any other file."""
    if not path.is_file():
        raise DenoiseError(f"adapter '{path}' is no file; give the path of one that was trained.")
    weights = read_weights(path)
    if weights.metadata.get(METADATA) != KIND:
        raise DenoiseError(f"'{path.name}' is no adapter; choose a file that was trained as one.")
    return dict(weights.state), weights.metadata


def is_adapter_name(name: str) -> bool:
    """Whether a file is called like an adapter: its name ends in `_lora`, or `_lora` and a number."""
    return _NAME.search(name) is not None
