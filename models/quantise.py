"""Smaller weights: bfloat16, float16, or eight-bit integers with one scale per output channel."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from pathlib import Path
from typing import Literal, cast, get_args

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from ..imaging.level import DenoiseError
from .spandrel_bridge import file_names
from .weight_file import write_weights

Kind = Literal["bf16", "fp16", "int8"]
KINDS: tuple[str, ...] = get_args(Kind)
SCALE = "_scale"
"""Added to a tensor's name in a file: its scales, [C,1,…] float32."""
METADATA = "quantisation"
"""Metadata key of a file whose weights shall stay small in memory, too; its value is one of KINDS."""
LARGEST = 127


class Stored(nn.Module):
    """A weight kept in fewer bits and widened to float32 whenever the layer asks for it; the arithmetic stays as it is.

    Only weights of two and more dimensions are stored so: the rest is a thousandth of the bytes and does more harm.
    """

    def __init__(self, kind: Kind) -> None:
        super().__init__()
        self.kind = kind

    def right_inverse(self, weight: Tensor) -> tuple[Tensor, ...]:
        """float32 weight → what is stored: (half,) or (int8, scales)."""
        if self.kind == "int8":
            return to_int8(weight)
        return (weight.to(torch.bfloat16 if self.kind == "bf16" else torch.float16),)

    def forward(self, stored: Tensor, scale: Tensor | None = None) -> Tensor:
        """What is stored → float32 weight."""
        return stored.float() if scale is None else stored.float() * scale


def to_int8(weight: Tensor) -> tuple[Tensor, Tensor]:
    """Symmetric rounding → (int8 of the same shape, scales [C,1,…]); weight ≈ int8 · scale.

    C is the first axis: output channels, but input channels of a transposed convolution, where it loses no more.
    """
    scale = weight.abs().amax(dim=tuple(range(1, weight.ndim)), keepdim=True) / LARGEST
    scale = scale.clamp_min(torch.finfo(torch.float32).tiny)
    return (weight / scale).round().clamp(-LARGEST, LARGEST).to(torch.int8), scale


def check_kind(kind: str) -> Kind:
    """`kind` if it is one of KINDS. Raises DenoiseError otherwise."""
    if kind not in KINDS:
        raise DenoiseError(f"quantisation {kind!r} is unknown; use one of {', '.join(KINDS)}.")
    return kind  # type: ignore[return-value]


def quantised(network: nn.Module, kind: str) -> nn.Module:
    """A copy of `network` whose weights are stored as `kind`.

    Raises:
        DenoiseError: unknown kind, or a network that is quantised already.
    """
    kind = check_kind(kind)
    if is_quantised(network):
        raise DenoiseError("the denoiser is quantised already; load the original and quantise that.")
    network = copy.deepcopy(network).requires_grad_(False).eval()
    for module in list(network.modules()):
        for name, weight in list(module.named_parameters(recurse=False)):
            if weight.ndim >= 2:
                parametrize.register_parametrization(module, name, Stored(kind), unsafe=True)
    return network


def as_floats(network: nn.Module) -> nn.Module:
    """A copy of a quantised network whose weights are float32 again and free to change; any other network itself."""
    if not is_quantised(network):
        return network
    network = copy.deepcopy(network)
    for module in [layer for layer in network.modules() if parametrize.is_parametrized(layer)]:
        names = list(cast(nn.ModuleDict, module.parametrizations))
        weights = {name: getattr(module, name).detach().clone() for name in names}
        del module.parametrizations
        # PyTorch's own way takes the names out of the class, which the original needs on.
        module.__class__ = type(module).__bases__[0]
        for name, weight in weights.items():
            module.register_parameter(name, nn.Parameter(weight, requires_grad=False))
    return network


def is_quantised(network: nn.Module) -> bool:
    """Whether any weight is stored in fewer bits."""
    return any(isinstance(module, Stored) for module in network.modules())


def weight_bytes(network: nn.Module) -> int:
    """Bytes of all weights and buffers as they lie in memory."""
    return sum(tensor.numel() * tensor.element_size() for tensor in network.state_dict().values())


def pack(network: nn.Module) -> dict[str, Tensor]:
    """The tensors of a (quantised) network under their plain names, scales beside them, as they go into a file."""
    packed = {}
    for key, value in network.state_dict().items():
        name, _, part = key.partition(".original")
        plain = name.replace("parametrizations.", "")
        packed[plain + SCALE if part == "1" else plain] = value.contiguous()
    return file_names(network, packed)


def unpack(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Tensors of a file → float32 tensors under their plain names; the inverse of `pack`, rounding apart.

    Only eight-bit integers have scales: other networks, too, may call a tensor so.

    Raises:
        DenoiseError: eight-bit weights without their scales.
    """
    eight_bit = {key for key, value in state.items() if value.dtype == torch.int8}
    unscaled = [key for key in eight_bit if key + SCALE not in state]
    if unscaled:
        raise DenoiseError(f"the file lacks the scales of its eight-bit weights ({unscaled[0]}); download it again.")
    scales = {key + SCALE for key in eight_bit}
    return {
        key: value.float() * state[key + SCALE] if key in eight_bit else value
        for key, value in state.items()
        if key not in scales
    }


def save_quantised(path: Path, network: nn.Module, kind: str, card: Mapping[str, str]) -> None:
    """Write a quantised network with the card of its original. Raises DenoiseError as `write_weights` does."""
    write_weights(path, pack(network), {**card, METADATA: check_kind(kind)})
