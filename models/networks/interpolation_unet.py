"""The U-Net of interpolation diffusion: x_t and alpha in, the clean picture out (arXiv 2305.04457, section 3)."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..contract import Spec
from ..fused import FusedConvolution, is_plain
from ..registry import Architecture, StateDict, Weights, count_blocks, register
from .median import median3
from .padding import pad_to_multiple

EMBEDDING = 128
FREQUENCIES = 32


def embed_alpha(alpha: Tensor) -> Tensor:
    """[B] in (0,1] → [B,64]: cosines and sines of 1000·alpha at 32 frequencies, 10000^(−i/32)."""
    steps = torch.arange(FREQUENCIES, device=alpha.device, dtype=torch.float32)
    angle = 1000.0 * alpha.float()[:, None] * torch.exp(-math.log(10000.0) * steps / FREQUENCIES)
    return torch.cat([angle.cos(), angle.sin()], dim=1)


class Block(nn.Module):
    """Residual pair of bias-free 3×3 convolutions; the embedding scales the features between them."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.scale = nn.Linear(EMBEDDING, width)
        self.conv2 = nn.Conv2d(width, width, 3, padding=1, bias=False)

    def forward(self, x: Tensor, embedding: Tensor) -> Tensor:
        y = self.conv1(x) * (1 + self.scale(embedding)[:, :, None, None])
        return x + self.conv2(F.relu(y))


class Blocks(nn.ModuleList):
    """Blocks of one resolution in a row."""

    def __iter__(self) -> Iterator[Block]:
        return super().__iter__()  # type: ignore[return-value]

    def forward(self, x: Tensor, embedding: Tensor) -> Tensor:
        for block in self:
            x = block(x, embedding)
        return x

    def fused_twin(self, dtype: torch.dtype) -> nn.Module:
        """See `models.fused`."""
        plain = all(is_plain(block.conv1) and is_plain(block.conv2) for block in self)
        return FusedBlocks(self, dtype) if plain else self


class FusedBlocks(nn.Module):
    """The same in place, two passes over memory instead of five: the scale of one embedding goes into the kernels."""

    def __init__(self, blocks: Blocks, dtype: torch.dtype) -> None:
        super().__init__()
        self.blocks = blocks
        self.first = nn.ModuleList(FusedConvolution(block.conv1, dtype, rectified=True) for block in blocks)
        self.second = nn.ModuleList(FusedConvolution(block.conv2, dtype) for block in blocks)

    def forward(self, x: Tensor, embedding: Tensor) -> Tensor:
        """x is overwritten."""
        if embedding.shape[0] > 1:
            return self.blocks(x, embedding)
        for block, first, second in zip(self.blocks, self.first, self.second, strict=True):
            scale = 1 + block.scale(embedding)[0].float()
            kernels = block.conv1.weight.float() * scale[:, None, None, None]
            second(first(x, weight=kernels), onto=x)
        return x

    def lean(self, spec: Spec) -> Spec:
        """See `models.fused.Lean`; 289 of 512 bytes per pixel were measured."""
        return replace(spec, activation_bytes=5 * spec.activation_bytes // 8)


class Stage(nn.Module):
    """Blocks of one resolution."""

    def __init__(self, width: int, count: int) -> None:
        super().__init__()
        self.blocks = Blocks(Block(width) for _ in range(count))

    def forward(self, x: Tensor, embedding: Tensor) -> Tensor:
        return self.blocks(x, embedding)


class EncoderStage(Stage):
    """Blocks, then a strided convolution; gives the skip and the halved features."""

    def __init__(self, width: int, deeper: int, count: int) -> None:
        super().__init__(width, count)
        self.down = nn.Conv2d(width, deeper, 2, stride=2, bias=False)

    def forward(self, x: Tensor, embedding: Tensor) -> tuple[Tensor, Tensor]:
        skip = super().forward(x, embedding)
        return skip, self.down(skip)


class DecoderStage(Stage):
    """A transposed convolution doubles the features' size, the skip is added, then blocks."""

    def __init__(self, width: int, deeper: int, count: int) -> None:
        super().__init__(width, count)
        self.up = nn.ConvTranspose2d(deeper, width, 2, stride=2, bias=False)

    def forward(self, x: Tensor, skip: Tensor, embedding: Tensor) -> Tensor:
        return super().forward(self.up(x).add_(skip), embedding)


class InterpolationUNet(nn.Module):
    """Bias-free residual U-Net on pixel-unshuffled input; scaling the picture scales the output.

    Args:
        width: features at the first scale; each further scale doubles them.
        blocks: blocks per encoder scale, the last entry being the middle.
        channels: planes of the picture.
        median: whether the stem also sees what a 3×3 median would change; it tells impulses from texture at a glance.
    """

    def __init__(
        self, width: int = 64, blocks: tuple[int, ...] = (2, 2, 3), channels: int = 3, median: bool = False
    ) -> None:
        super().__init__()
        widths = [width * 2**i for i in range(len(blocks))]
        pairs = list(zip(widths, widths[1:], blocks, strict=False))
        self.multiple = 2 ** len(blocks)
        self.median = median
        self.stem = nn.Conv2d(4 * channels * (1 + median), width, 3, padding=1, bias=False)
        self.encoder = nn.ModuleList(EncoderStage(w, deeper, n) for w, deeper, n in pairs)
        self.middle = Stage(widths[-1], blocks[-1])
        self.decoder = nn.ModuleList(DecoderStage(w, deeper, n) for w, deeper, n in reversed(pairs))
        self.head = nn.Conv2d(width, 4 * channels, 3, padding=1, bias=False)
        self.time_embed = nn.Sequential(
            nn.Linear(2 * FREQUENCIES, EMBEDDING), nn.SiLU(), nn.Linear(EMBEDDING, EMBEDDING)
        )

    def forward(self, x: Tensor, alpha: Tensor) -> Tensor:
        """x [B,C,H,W] on the [0,1] scale, alpha [B] in (0,1] → clean estimate [B,C,H,W]."""
        height, width = x.shape[-2:]
        padded = pad_to_multiple(x, self.multiple)
        embedding = F.silu(self.time_embed(embed_alpha(alpha)))
        seen = torch.cat([padded, median3(padded) - padded], dim=1) if self.median else padded
        features = self.stem(F.pixel_unshuffle(seen, 2))
        skips = []
        for stage in self.encoder:
            skip, features = stage(features, embedding)
            skips.append(skip)
        features = self.middle(features, embedding)
        for stage in self.decoder:
            features = stage(features, skips.pop(), embedding)
        clean = padded + F.pixel_shuffle(self.head(features), 2)
        return clean[..., :height, :width]


def receptive_radius(blocks: tuple[int, ...]) -> int:
    """Pixels by which one output pixel can see to each side."""
    reach, scale = 0, 2
    for count in blocks[:-1]:
        reach += 2 * (2 * count) * scale + 2 * scale  # encoder and decoder blocks, and the strided pair
        scale *= 2
    return reach + 2 * blocks[-1] * scale + 2 * 2 + 2  # middle, stem and head, unshuffling


def _hyper(state: StateDict) -> tuple[int, tuple[int, ...], int, bool]:
    scales = count_blocks(state, "encoder")
    blocks = tuple(count_blocks(state, f"encoder.{i}.blocks") for i in range(scales))
    planes, width = state["head.weight"].shape[:2]
    median = state["stem.weight"].shape[1] == 2 * planes
    return width, (*blocks, count_blocks(state, "middle.blocks")), planes // 4, median


def _spec(weights: Weights) -> Spec:
    width, blocks, channels, median = _hyper(weights.state)
    return Spec(
        name="InterpolationUNet",
        architecture="InterpolationUNet",
        prediction="clean",
        conditioning="alpha",
        channels=channels,
        multiple=2 ** len(blocks),
        radius=receptive_radius(blocks) + median,
        activation_bytes=8 * width,
        map_bytes=width,  # at half the resolution
    )


register(
    Architecture(
        name="InterpolationUNet",
        detect=lambda weights: {"stem.weight", "time_embed.2.weight", "head.weight"} <= weights.state.keys(),
        build=lambda weights: InterpolationUNet(*_hyper(weights.state)),
        spec=_spec,
        create=InterpolationUNet,
    )
)
