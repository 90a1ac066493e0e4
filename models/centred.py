"""Chains of convolutions in bfloat16 at a tenth of the loss: features are kept as differences from their mean.

bfloat16 rounds a number by up to 1/512 of its size, and most features of such a chain are never zero: they carry the
brightness of the picture, several times larger than the detail that matters. Here a feature h is kept as u = h / m − 1,
where m is its mean on a probe. ReLU becomes a clamp at −1, the same for all features, so that the convolution before it
still does it on the way out; what is constant goes into the biases before anything is rounded.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .fused import can_fuse, pointwise_operator

ZERO = -1.0
"""The centred value of a feature that is zero, as all are beyond the border."""
LARGEST = torch.finfo(torch.bfloat16).max
FAINTEST = 0.01
"""Smallest mean that a feature is scaled by, in parts of its layer's largest."""
MARGIN = 8
"""Pixels at the border of the probe whose features are darker than elsewhere."""
SIDES = (
    ((slice(0, 2), slice(None)), (1, 1, 1, 0), (slice(0, 1), slice(None))),
    ((slice(-2, None), slice(None)), (1, 1, 0, 1), (slice(-1, None), slice(None))),
    ((slice(None), slice(0, 2)), (1, 0, 1, 1), (slice(None), slice(0, 1))),
    ((slice(None), slice(-2, None)), (0, 1, 1, 1), (slice(None), slice(-1, None))),
)
"""For each side of a picture: what its outermost row or column sees, how that is padded, and where that row is."""


class CentredConvolution(nn.Module):
    """A 3×3 convolution of centred features.

    Args:
        weight: [out,in,3,3] and bias: [out], float32, for centred input and output.
        dtype: in which it works and answers. clamped: whether a ReLU follows.
    """

    weight: Tensor
    bias: Tensor

    def __init__(self, weight: Tensor, bias: Tensor, dtype: torch.dtype, clamped: bool) -> None:
        super().__init__()
        kernels = weight.to(dtype).contiguous(memory_format=torch.channels_last)
        self.register_buffer("weight", kernels, persistent=False)
        self.register_buffer("bias", bias.to(dtype), persistent=False)
        self.clamped = clamped
        self.fuses = can_fuse(weight.device, dtype)

    def forward(self, u: Tensor) -> Tensor:
        """[B,in,H,W] → [B,out,H,W], as if there were features of zero around the picture."""
        if min(u.shape[-2:]) < 2:
            return self._convolve(F.pad(u, (1, 1, 1, 1), value=ZERO), padding=0)
        out = self._convolve(u, padding=1)  # wrong in the outermost pixels only, which a padded copy of all would cost
        for (rows, columns), pad, (row, column) in SIDES:
            out[..., row, column] = self._convolve(F.pad(u[..., rows, columns], pad, value=ZERO), padding=0)
        return out

    def _convolve(self, u: Tensor, padding: int) -> Tensor:
        if self.fuses:
            tail, limits = ("hardtanh", [ZERO, LARGEST]) if self.clamped else ("none", [])
            u = u.contiguous(memory_format=torch.channels_last)
            geometry = [padding, padding], [1, 1], [1, 1], 1
            return pointwise_operator()(u, self.weight, self.bias, *geometry, tail, limits, "")
        out = F.conv2d(u, self.weight, self.bias, padding=padding)
        return out.clamp_(min=ZERO) if self.clamped else out


class CentredChain(nn.Module):
    """Convolutions with ReLUs between them.

    Args:
        convolutions: ordinary 3×3 ones, zero-padded by one pixel; their weights are read once.
        probe: [1,C,h,w], an input of usual brightness. dtype: in which it works.
    """

    scale: Tensor
    usual: Tensor

    def __init__(self, convolutions: Sequence[nn.Conv2d], probe: Tensor, dtype: torch.dtype) -> None:
        super().__init__()
        self.dtype = dtype
        self.layers = nn.ModuleList()
        mean = _mean(probe)
        self.register_buffer("scale", 1 / mean.view(1, -1, 1, 1), persistent=False)
        for convolution in convolutions:
            weight = convolution.weight.detach().float()
            own = torch.zeros(len(weight)) if convolution.bias is None else convolution.bias.detach().float()
            probe = F.conv2d(probe, weight, own, padding=1).relu_()
            weight = weight * mean.view(1, -1, 1, 1)
            bias = own + weight.sum((1, 2, 3))
            if convolution is convolutions[-1]:
                self.layers.append(CentredConvolution(weight, torch.zeros_like(bias), dtype, clamped=False))
                self.register_buffer("usual", bias.view(1, -1, 1, 1), persistent=False)
            else:
                mean = _mean(probe)
                weight, bias = weight / mean.view(-1, 1, 1, 1), bias / mean - 1
                self.layers.append(CentredConvolution(weight, bias, dtype, clamped=True))

    def forward(self, x: Tensor) -> Tensor:
        """[B,C,H,W] → float32, what the convolutions make of it."""
        u = (x.float() * self.scale - 1).to(self.dtype)
        for layer in self.layers:
            u = layer(u)
        return u + self.usual  # a picture is rounded at its differences from gray, not at its values


def _mean(features: Tensor) -> Tensor:
    """[C], far enough from zero to divide by."""
    mean = features[..., MARGIN:-MARGIN, MARGIN:-MARGIN].mean((0, 2, 3))
    return mean.clamp_min(max(FAINTEST * float(mean.max()), torch.finfo(torch.float32).tiny))
