"""Convolution, bias, ReLU and residual sum in one pass over memory: the same network, for CPUs that multiply bfloat16.

PyTorch's own ReLU on bfloat16 takes as long as the convolution before it; oneDNN does it on the way out.
"""

from __future__ import annotations

import copy
from typing import Any, Protocol, runtime_checkable

import torch
from torch import Tensor, nn

from .precision import cpu_has_bf16


@runtime_checkable
class Fusible(Protocol):
    """A module that has a faster twin for inference."""

    def fused_twin(self) -> nn.Module:
        """The twin, with weights of its own; called with the same arguments."""
        ...


def can_fuse(device: torch.device, dtype: torch.dtype) -> bool:
    """Whether a network of bfloat16 autocast on this device gains from `fused`."""
    return device.type == "cpu" and dtype == torch.bfloat16 and cpu_has_bf16() and _operator() is not None


def _operator() -> Any:
    """oneDNN's convolution with a tail, which torch.compile uses, too; None where this PyTorch lacks it."""
    library = torch.ops.mkldnn
    return getattr(library, "_convolution_pointwise", None) if torch.backends.mkldnn.is_available() else None


class FusedConvolution(nn.Module):
    """A convolution in bfloat16 with what follows it.

    Args:
        convolution: an ordinary zero-padded one; its weights are read once. rectified: whether a ReLU follows.
    """

    weight: Tensor
    bias: Tensor | None

    def __init__(self, convolution: nn.Conv2d, rectified: bool = False) -> None:
        super().__init__()
        weight, bias = convolution.weight.detach(), convolution.bias
        self.register_buffer("weight", _half(weight), persistent=False)
        self.register_buffer("bias", None if bias is None else _half(bias.detach()), persistent=False)
        self.geometry = ([*convolution.padding], [*convolution.stride], [*convolution.dilation], convolution.groups)
        self.tail = "relu" if rectified else "none"

    def forward(self, x: Tensor, plus: Tensor | None = None, weight: Tensor | None = None) -> Tensor:
        """relu(conv(x)) or conv(x) + plus, bfloat16, channels last. weight: other kernels than its own."""
        x, weight = _half(x), self.weight if weight is None else _half(weight)
        if plus is None:
            return _operator()(x, weight, self.bias, *self.geometry, self.tail, [], "")
        return _operator().binary(x, _half(plus), weight, self.bias, *self.geometry, "add", None, None, [], None)


def _half(value: Tensor) -> Tensor:
    value = value.to(torch.bfloat16)
    return value.contiguous(memory_format=torch.channels_last) if value.ndim == 4 else value


def is_plain(module: nn.Module) -> bool:
    """Whether it is an ordinary zero-padded convolution, neither quantised nor adapted."""
    return type(module) is nn.Conv2d and module.padding_mode == "zeros" and not isinstance(module.padding, str)


def fused(network: nn.Module) -> nn.Module:
    """A twin of `network` for bfloat16 autocast on the CPU, sharing every weight that stays as it is.

    Convolutions followed by a ReLU inside an nn.Sequential become one, and modules that are `Fusible` give their twin.
    Results of the former are bit-equal to autocast's.
    """
    if isinstance(network, Fusible):
        return network.fused_twin()
    children = {name: child and fused(child) for name, child in network._modules.items()}
    if type(network) is nn.Sequential:
        _join_pairs(children)
    if all(child is network._modules[name] for name, child in children.items()):
        return network
    twin = copy.copy(network)
    twin._modules = children  # type: ignore[assignment]
    return twin


def _join_pairs(children: dict[str, nn.Module | None]) -> None:
    names = list(children)
    for name, following in zip(names, names[1:], strict=False):
        first, second = children[name], children[following]
        if first is not None and is_plain(first) and type(second) is nn.ReLU:
            children[name] = FusedConvolution(first, rectified=True)  # type: ignore[arg-type]
            children[following] = nn.Identity()
