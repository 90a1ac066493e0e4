"""Convolution, bias, ReLU and residual sum in one pass over memory: the same network, for CPUs.

PyTorch's own ReLU on bfloat16 takes as long as the convolution before it, and in float32 every pass less is memory that
the kernel need not clear; oneDNN does it on the way out.
"""

from __future__ import annotations

import copy
from typing import Any, Protocol, TypeGuard, runtime_checkable

import torch
from torch import Tensor, nn

from .contract import Spec
from .precision import cpu_has_bf16


@runtime_checkable
class Fusible(Protocol):
    """A module that has a faster twin for inference."""

    def fused_twin(self, dtype: torch.dtype) -> nn.Module:
        """The twin that works in `dtype`, with weights of its own; called with the same arguments."""
        ...


@runtime_checkable
class Lean(Protocol):
    """A module of a twin that takes less memory than the network's own."""

    def lean(self, spec: Spec) -> Spec:
        """`spec` of the whole network with the memory that it takes with this module in it."""
        ...


def lean_spec(network: nn.Module, spec: Spec) -> Spec:
    """`spec` with the memory that its network or twin really takes."""
    return next((module.lean(spec) for module in network.modules() if isinstance(module, Lean)), spec)


def can_fuse(device: torch.device, dtype: torch.dtype) -> bool:
    """Whether a network in float32 or bfloat16 autocast on this device gains from `fused`."""
    fast = dtype == torch.float32 or (dtype == torch.bfloat16 and cpu_has_bf16())
    return device.type == "cpu" and fast and pointwise_operator() is not None


def pointwise_operator() -> Any:
    """oneDNN's convolution with a tail, which torch.compile uses, too; None where this PyTorch lacks it."""
    library = torch.ops.mkldnn
    known = torch.backends.mkldnn.is_available() and hasattr(library, "_convolution_pointwise_")
    return getattr(library, "_convolution_pointwise", None) if known else None


class FusedConvolution(nn.Module):
    """A convolution with what follows it.

    Args:
        convolution: an ordinary zero-padded one; its weights are read once. rectified: whether a ReLU follows.
        dtype: float32 or bfloat16, in which it works and answers.
    """

    weight: Tensor
    bias: Tensor | None

    def __init__(self, convolution: nn.Conv2d, dtype: torch.dtype, rectified: bool = False) -> None:
        super().__init__()
        self.dtype = dtype
        weight, bias = convolution.weight.detach(), convolution.bias
        self.register_buffer("weight", self._fit(weight), persistent=False)
        self.register_buffer("bias", None if bias is None else self._fit(bias.detach()), persistent=False)
        self.geometry = ([*convolution.padding], [*convolution.stride], [*convolution.dilation], convolution.groups)
        self.tail = "relu" if rectified else "none"

    def forward(
        self, x: Tensor, plus: Tensor | None = None, weight: Tensor | None = None, onto: Tensor | None = None
    ) -> Tensor:
        """relu(conv(x)) or conv(x) + plus, channels last.

        weight: other kernels than its own. onto: like plus, but overwritten with the result.
        """
        x, weight = self._fit(x), self.weight if weight is None else self._fit(weight)
        if onto is not None:
            add = torch.ops.mkldnn._convolution_pointwise_.binary
            return add(onto, x, weight, self.bias, *self.geometry, "add", None, None, [], None)
        if plus is None:
            return pointwise_operator()(x, weight, self.bias, *self.geometry, self.tail, [], "")
        plus = self._fit(plus)
        return pointwise_operator().binary(x, plus, weight, self.bias, *self.geometry, "add", None, None, [], None)

    def _fit(self, value: Tensor) -> Tensor:
        value = value.to(self.dtype)
        return value.contiguous(memory_format=torch.channels_last) if value.ndim == 4 else value


def is_plain(module: nn.Module | None) -> TypeGuard[nn.Conv2d]:
    """Whether it is an ordinary zero-padded convolution, neither quantised nor adapted."""
    return type(module) is nn.Conv2d and module.padding_mode == "zeros" and not isinstance(module.padding, str)


def fused(network: nn.Module, dtype: torch.dtype) -> nn.Module:
    """A twin of `network` for float32 or bfloat16 autocast on the CPU, sharing every weight that stays as it is.

    Convolutions followed by a ReLU inside an nn.Sequential become one, and modules that are `Fusible` give their twin.
    Results of the former are bit-equal to the network's own.
    """
    if isinstance(network, Fusible):
        return network.fused_twin(dtype)
    children = {name: child and fused(child, dtype) for name, child in network._modules.items()}
    if type(network) is nn.Sequential:
        _join_pairs(children, dtype)
    if all(child is network._modules[name] for name, child in children.items()):
        return network
    twin = copy.copy(network)
    twin._modules = children  # type: ignore[assignment]
    return twin


def _join_pairs(children: dict[str, nn.Module | None], dtype: torch.dtype) -> None:
    names = list(children)
    for name, following in zip(names, names[1:], strict=False):
        first, second = children[name], children[following]
        if is_plain(first) and type(second) is nn.ReLU:
            children[name] = FusedConvolution(first, dtype, rectified=True)
            children[following] = nn.Identity()
