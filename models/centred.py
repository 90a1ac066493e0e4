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

from .streamed import StreamedChain, StreamedConvolution, weight_and_bias

ZERO = -1.0
"""The centred value of a feature that is zero, as all are beyond the border."""
FAINTEST = 0.01
"""Smallest mean that a feature is scaled by, in parts of its layer's largest."""
MARGIN = 8
"""Pixels at the border of the probe whose features are darker than elsewhere."""


class CentredChain(nn.Module):
    """Convolutions with ReLUs between them.

    Args:
        convolutions: ordinary 3×3 ones, zero-padded by one pixel, with biases; their weights are read once.
        probe: [1,C,h,w], an input of usual brightness. dtype: in which it works.
    """

    scale: Tensor
    usual: Tensor

    def __init__(self, convolutions: Sequence[nn.Conv2d], probe: Tensor, dtype: torch.dtype) -> None:
        super().__init__()
        self.dtype = dtype
        layers = []
        mean = _mean(probe)
        self.register_buffer("scale", 1 / mean.view(1, -1, 1, 1), persistent=False)
        for convolution in convolutions:
            weight, bias = weight_and_bias(convolution)
            probe = F.conv2d(probe, weight, bias, padding=1).relu_()
            weight = weight * mean.view(1, -1, 1, 1)
            bias = bias + weight.sum((1, 2, 3))
            if convolution is convolutions[-1]:
                layers.append(StreamedConvolution(weight, torch.zeros_like(bias), dtype, least=None))
                self.register_buffer("usual", bias.view(1, -1, 1, 1), persistent=False)
            else:
                mean = _mean(probe)
                weight, bias = weight / mean.view(-1, 1, 1, 1), bias / mean - 1
                layers.append(StreamedConvolution(weight, bias, dtype, least=ZERO))
        self.chain = StreamedChain(layers, border=ZERO)

    def forward(self, x: Tensor) -> Tensor:
        """[B,C,H,W] → float32, what the convolutions make of it."""
        u = (x.float() * self.scale - 1).to(self.dtype)
        return self.chain(u) + self.usual  # a picture is rounded at its differences from gray, not at its values


def _mean(features: Tensor) -> Tensor:
    """[C], far enough from zero to divide by."""
    mean = features[..., MARGIN:-MARGIN, MARGIN:-MARGIN].mean((0, 2, 3))
    return mean.clamp_min(max(FAINTEST * float(mean.max()), torch.finfo(torch.float32).tiny))
