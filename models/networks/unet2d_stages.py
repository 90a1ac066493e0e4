"""The three parts of a UNet2D: the way down, the middle and the way up, each resolution one stage."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from .unet2d_blocks import Attention, AveragePool, Downsample, NearestUpsample, ResnetBlock, Upsample
from .unet2d_config import UNet2DConfig


class Stage(nn.Module):
    """The blocks of one resolution: ResNet blocks, each followed by attention where `kind` says so."""

    def __init__(self, kind: str, sizes: list[tuple[int, int]], config: UNet2DConfig) -> None:
        super().__init__()
        self.resnets = nn.ModuleList(ResnetBlock(c_in, c_out, config) for c_in, c_out in sizes)
        width = sizes[-1][1]
        attended = len(sizes) if kind.startswith("Attn") else 0
        self.attentions = nn.ModuleList(
            Attention(width, config.head_width(width), config.norm_num_groups, config.norm_eps) for _ in range(attended)
        )

    def block(self, index: int, x: Tensor, embedding: Tensor) -> Tensor:
        """Apply the index-th ResNet block and its attention."""
        x = self.resnets[index](x, embedding)
        return self.attentions[index](x) if self.attentions else x


class DownStage(Stage):
    """A stage that ends by halving the size, except the last one; every feature on the way is a skip."""

    def __init__(self, kind: str, c_in: int, c_out: int, config: UNet2DConfig, last: bool) -> None:
        layers = config.layers_per_block
        super().__init__(kind, [(c_in if i == 0 else c_out, c_out) for i in range(layers)], config)
        by_resnet = kind.startswith("Resnet") or (kind.startswith("Attn") and config.downsample_type == "resnet")
        down = (
            ResnetBlock(c_out, c_out, config, AveragePool())
            if by_resnet
            else Downsample(c_out, config.downsample_padding)
        )
        self.downsamplers = nn.ModuleList([] if last else [down])

    def forward(self, x: Tensor, embedding: Tensor) -> list[Tensor]:
        """Features [B,C,H,W] → the features after each block and after the halving."""
        features = []
        for index in range(len(self.resnets)):
            x = self.block(index, x, embedding)
            features.append(x)
        for down in self.downsamplers:
            features.append(down(x, embedding))
        return features


class UpStage(Stage):
    """A stage that concatenates one skip before each block and ends by doubling the size, except the last one."""

    def __init__(self, kind: str, c_in: int, c_out: int, c_skip: int, config: UNet2DConfig, last: bool) -> None:
        layers = config.layers_per_block + 1
        before = [c_in if i == 0 else c_out for i in range(layers)]
        skips = [c_skip if i == layers - 1 else c_out for i in range(layers)]
        super().__init__(kind, [(a + b, c_out) for a, b in zip(before, skips, strict=True)], config)
        by_resnet = kind.startswith("Resnet") or (kind.startswith("Attn") and config.upsample_type == "resnet")
        up = ResnetBlock(c_out, c_out, config, NearestUpsample()) if by_resnet else Upsample(c_out)
        self.upsamplers = nn.ModuleList([] if last else [up])

    def forward(self, x: Tensor, skips: list[Tensor], embedding: Tensor) -> Tensor:
        """Features and the stack of skips, which this takes its own from → features."""
        for index in range(len(self.resnets)):
            x = self.block(index, torch.cat([x, skips.pop()], dim=1), embedding)
        for up in self.upsamplers:
            x = up(x, embedding)
        return x


class Middle(nn.Module):
    """ResNet block, attention (if any), ResNet block at the lowest resolution."""

    def __init__(self, width: int, config: UNet2DConfig) -> None:
        super().__init__()
        scale = config.mid_block_scale_factor
        self.resnets = nn.ModuleList(ResnetBlock(width, width, config, scale=scale) for _ in range(2))
        groups = config.attn_norm_num_groups
        if groups is None and config.resnet_time_scale_shift == "default":
            groups = config.norm_num_groups
        attention = [Attention(width, config.head_width(width), groups, config.norm_eps, scale)]
        self.attentions = nn.ModuleList(attention if config.add_attention else [])

    def forward(self, x: Tensor, embedding: Tensor) -> Tensor:
        x = self.resnets[0](x, embedding)
        for attention in self.attentions:
            x = attention(x)
        return self.resnets[1](x, embedding)
