"""Chains of convolutions on CPUs, a few rows at a time: every layer keeps the last two rows that it has seen.

Nothing is computed twice, and what lies between two layers stays in the processor's cache instead of passing through
memory that the kernel has to clear first. The result is that of the layers one after the other on the whole picture.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .contract import Spec
from .fused import can_fuse, pointwise_operator

REACH = 2
"""Rows that a layer must have seen before the one it can answer for."""
STRIP_BYTES = 8 << 20
"""What a strip of the widest layer may take."""
FEWEST_ROWS, MOST_ROWS = 4, 128
LARGEST = torch.finfo(torch.bfloat16).max


class StreamedConvolution(nn.Module):
    """A 3×3 convolution without padding of its own.

    Args:
        weight: [out,in,3,3]; bias: [out]. dtype: in which it works and answers.
        least: below which the answer is clamped, 0 for a ReLU; None for none.
    """

    weight: Tensor
    bias: Tensor

    def __init__(self, weight: Tensor, bias: Tensor, dtype: torch.dtype, least: float | None) -> None:
        super().__init__()
        kernels = weight.to(dtype).contiguous(memory_format=torch.channels_last)
        self.register_buffer("weight", kernels, persistent=False)
        self.register_buffer("bias", bias.to(dtype), persistent=False)
        self.least = least
        self.fuses = can_fuse(weight.device, dtype)

    def forward(self, x: Tensor) -> Tensor:
        """[1,in,H,W] → [1,out,H−2,W−2]."""
        if self.fuses:
            tail = ("none", []) if self.least is None else ("hardtanh", [self.least, LARGEST])
            return pointwise_operator()(x, self.weight, self.bias, [0, 0], [1, 1], [1, 1], 1, *tail, "")
        out = F.conv2d(x, self.weight, self.bias)
        return out if self.least is None else out.clamp_(min=self.least)


class StreamedChain(nn.Module):
    """Layers in a row.

    Args:
        layers: at least one. border: the value of features beyond the picture.
    """

    def __init__(self, layers: Sequence[StreamedConvolution], border: float = 0.0) -> None:
        super().__init__()
        self.layers = nn.ModuleList(layers)
        self.border = border
        self.widest = max(layer.weight.shape[1] for layer in layers)

    @classmethod
    def of(cls, convolutions: Sequence[nn.Conv2d], dtype: torch.dtype) -> StreamedChain:
        """Ordinary 3×3 convolutions, zero-padded by one pixel, with ReLUs between them; the weights are read once."""
        inner = [StreamedConvolution(*weight_and_bias(layer), dtype, least=0.0) for layer in convolutions[:-1]]
        return cls([*inner, StreamedConvolution(*weight_and_bias(convolutions[-1]), dtype, least=None)])

    @torch.compiler.disable  # it would unroll the strips
    def forward(self, x: Tensor) -> Tensor:
        """[B,in,H,W] in the layers' dtype → [B,out,H,W]."""
        return torch.cat([torch.cat(list(self._strips(picture)), dim=2) for picture in x.split(1)])

    def lean(self, spec: Spec) -> Spec:
        """What pictures themselves take is all that grows with them."""
        return replace(spec, activation_bytes=32 * spec.channels, map_bytes=1)

    def _strips(self, x: Tensor) -> Iterator[Tensor]:
        """The rows of the answer to one picture; all strips but the last are equally high."""
        height, width = x.shape[-2:]
        row_bytes = self.widest * (width + REACH) * x.element_size()
        rows = min(max(STRIP_BYTES // row_bytes, FEWEST_ROWS), MOST_ROWS)
        window = _Window(width, rows + len(self.layers) + REACH, self.border, x)
        kept: list[Tensor | None] = [None] * len(self.layers)
        # The first strip is higher, because each layer takes a row off it until the last strip gives them back.
        ends = [0, *range(rows + len(self.layers), height, rows), height]
        for start, end in pairwise(ends):
            strip = x[:, :, start:end]
            for number, layer in enumerate(self.layers):
                seen = window.filled(kept[number], strip, last=end == height)
                kept[number] = seen[:, :, -REACH:].clone(memory_format=torch.channels_last)
                strip = layer(seen)
            yield strip


class _Window:
    """Room for what a layer sees: rows kept, rows new, and the border around the picture."""

    def __init__(self, width: int, rows: int, border: float, like: Tensor) -> None:
        self._shape, self._border, self._like = (rows, width + REACH), border, like
        self._rooms: dict[int, Tensor] = {}

    def filled(self, kept: Tensor | None, strip: Tensor, last: bool) -> Tensor:
        """[1,C,h,W+2]; kept: None above the first strip."""
        planes, above = strip.shape[1], 1 if kept is None else REACH
        if planes not in self._rooms:
            room = torch.full((1, planes, *self._shape), self._border, dtype=self._like.dtype, device=self._like.device)
            self._rooms[planes] = room.contiguous(memory_format=torch.channels_last)
        room, below = self._rooms[planes], above + strip.shape[2]
        room[:, :, :above] = self._border if kept is None else kept
        room[:, :, above:below, 1:-1] = strip
        if last:
            room[:, :, below] = self._border
        return room[:, :, : below + last]


def weight_and_bias(convolution: nn.Conv2d) -> tuple[Tensor, Tensor]:
    """Both in float32, the bias zero where it has none."""
    weight, bias = convolution.weight.detach().float(), convolution.bias
    return weight, weight.new_zeros(len(weight)) if bias is None else bias.detach().float()
