"""Building blocks of the DDPM U-Net (arXiv 2006.11239, appendix B), with diffusers' names and variants."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from .unet2d_config import UNet2DConfig

_ACTIVATIONS: dict[str, type[nn.Module]] = {
    "silu": nn.SiLU,
    "swish": nn.SiLU,
    "mish": nn.Mish,
    "gelu": nn.GELU,
    "relu": nn.ReLU,
}


class SinusoidalEmbedding(nn.Module):
    """Whole numbers [B] → [B, width] cosines and sines of falling frequency (arXiv 1706.03762, section 3.5)."""

    def __init__(self, width: int, cosine_first: bool, shift: float) -> None:
        super().__init__()
        self.width, self.cosine_first, self.shift = width, cosine_first, shift

    def forward(self, numbers: Tensor) -> Tensor:
        """[B] → [B, width] float32."""
        half = self.width // 2
        steps = torch.arange(half, dtype=torch.float32, device=numbers.device)
        angles = numbers[:, None].float() * torch.exp(-math.log(10000) * steps / (half - self.shift))
        waves = (angles.cos(), angles.sin()) if self.cosine_first else (angles.sin(), angles.cos())
        return functional.pad(torch.cat(waves, dim=-1), (0, self.width % 2))


class EmbeddingMLP(nn.Module):
    """Two linear layers with SiLU between them, [B, width_in] → [B, width]."""

    def __init__(self, width_in: int, width: int) -> None:
        super().__init__()
        self.linear_1 = nn.Linear(width_in, width)
        self.act = nn.SiLU()
        self.linear_2 = nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        """[B, width_in] → [B, width]."""
        return self.linear_2(self.act(self.linear_1(x)))


class AveragePool(nn.AvgPool2d):
    """Halve height and width without weights."""

    def __init__(self) -> None:
        super().__init__(2)


class NearestUpsample(nn.Module):
    """Double height and width without weights."""

    def forward(self, x: Tensor) -> Tensor:
        """[B,C,H,W] → [B,C,2H,2W]."""
        return functional.interpolate(x, scale_factor=2.0, mode="nearest")


class ResnetBlock(nn.Module):
    """GroupNorm, activation, convolution, twice, with the time embedding added (or scaling) in between.

    resample: applied to both paths before the first convolution. scale: divides the sum (1 in all but odd mid blocks).
    """

    def __init__(
        self, c_in: int, c_out: int, config: UNet2DConfig, resample: nn.Module | None = None, scale: float = 1.0
    ) -> None:
        super().__init__()
        groups, eps = config.norm_num_groups, config.norm_eps
        self.scale, self.scale_shift = scale, config.resnet_time_scale_shift == "scale_shift"
        self.norm1 = nn.GroupNorm(groups, c_in, eps)
        self.conv1 = nn.Conv2d(c_in, c_out, 3, padding=1)
        self.time_emb_proj = nn.Linear(config.time_width, c_out * (2 if self.scale_shift else 1))
        self.norm2 = nn.GroupNorm(groups, c_out, eps)
        self.dropout = nn.Dropout(config.dropout)
        self.conv2 = nn.Conv2d(c_out, c_out, 3, padding=1)
        self.nonlinearity = _ACTIVATIONS[config.act_fn]()
        self.resample = resample
        self.conv_shortcut = nn.Conv2d(c_in, c_out, 1) if c_in != c_out else None

    def forward(self, x: Tensor, embedding: Tensor) -> Tensor:
        """x [B,c_in,H,W], embedding [B,time_width] → [B,c_out,H',W']."""
        y = self.nonlinearity(self.norm1(x))
        if self.resample is not None:
            x, y = self.resample(x), self.resample(y)
        y = self.conv1(y)
        time = self.time_emb_proj(self.nonlinearity(embedding))[:, :, None, None]
        if self.scale_shift:  # arXiv 2102.09672, section 3.2 and appendix A: scale and shift after the norm
            factor, shift = time.chunk(2, dim=1)
            y = self.norm2(y) * (1 + factor) + shift
        else:
            y = self.norm2(y + time)
        y = self.conv2(self.dropout(self.nonlinearity(y)))
        if self.conv_shortcut is not None:
            x = self.conv_shortcut(x)
        return (x + y) / self.scale if self.scale != 1 else x + y


class Attention(nn.Module):
    """Self-attention over all pixels, with a residual connection (arXiv 1706.03762, eq. 1).

    groups: of the leading GroupNorm, None for none.
    """

    def __init__(self, width: int, head_width: int, groups: int | None, eps: float, scale: float = 1.0) -> None:
        super().__init__()
        self.heads, self.scale = width // head_width, scale
        inner = self.heads * head_width
        self.group_norm = nn.GroupNorm(groups, width, eps) if groups is not None else None
        self.to_q = nn.Linear(width, inner)
        self.to_k = nn.Linear(width, inner)
        self.to_v = nn.Linear(width, inner)
        self.to_out = nn.ModuleList([nn.Linear(inner, width)])

    def forward(self, x: Tensor) -> Tensor:
        """[B,C,H,W] → [B,C,H,W]."""
        batch, channels, height, width = x.shape
        pixels = self.group_norm(x) if self.group_norm is not None else x
        pixels = pixels.reshape(batch, channels, height * width).transpose(1, 2)
        query, key, value = (
            projected(pixels).unflatten(-1, (self.heads, -1)).transpose(1, 2)
            for projected in (self.to_q, self.to_k, self.to_v)
        )
        seen = functional.scaled_dot_product_attention(query, key, value).transpose(1, 2).flatten(2)
        y = self.to_out[0](seen).transpose(1, 2).reshape(batch, channels, height, width)
        return (x + y) / self.scale


class Downsample(nn.Module):
    """Convolution of stride 2; padding 0 pads one row and column at the bottom right only, as TensorFlow does."""

    def __init__(self, width: int, padding: int) -> None:
        super().__init__()
        self.padding = padding
        self.conv = nn.Conv2d(width, width, 3, stride=2, padding=padding)

    def forward(self, x: Tensor, _: Tensor) -> Tensor:
        """[B,C,H,W] → [B,C,H/2,W/2]."""
        return self.conv(functional.pad(x, (0, 1, 0, 1)) if self.padding == 0 else x)


class Upsample(nn.Module):
    """Nearest neighbour, then a convolution."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(width, width, 3, padding=1)

    def forward(self, x: Tensor, _: Tensor) -> Tensor:
        """[B,C,H,W] → [B,C,2H,2W]."""
        return self.conv(functional.interpolate(x, scale_factor=2.0, mode="nearest"))
