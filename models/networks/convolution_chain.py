"""The chain of 3×3 convolutions that DnCNN, FDnCNN and FFDNet have in common, with its published names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from ..centred import CentredChain
from ..fused import fused, is_plain
from ..registry import StateDict, Weights
from ..streamed import StreamedChain

PREFIX = "model."
LAST_LAYER = 0.01
"""Scale of the last layer's first weights: a fresh network says little, so that the first steps need not unsay it."""
PROBE = 64
"""Side in pixels of the picture that tells how bright the features of a chain usually are."""
PROBE_SIGMA = 25 / 255


class ConvolutionChain(nn.Sequential):
    """Convolutions with batch norms and ReLUs between them."""

    def fused_twin(self, dtype: torch.dtype) -> nn.Module:
        """See `models.fused` and `models.streamed`; in bfloat16 with centred features, see `models.centred`."""
        convolutions = plain_convolutions(self)
        if convolutions is None:
            return fused(nn.Sequential(*self), dtype)
        if dtype == torch.bfloat16:
            return CentredChain(convolutions, probe_for(convolutions), dtype)
        return StreamedChain.of(convolutions, dtype)


def plain_convolutions(chain: ConvolutionChain) -> list[nn.Conv2d] | None:
    """Those of a chain that learns no more, batch norms folded into them; None where one is not plain."""
    found: list[nn.Conv2d] = []
    for layer in chain:
        if isinstance(layer, nn.BatchNorm2d) and not layer.training:
            found[-1] = fuse_conv_bn_eval(found[-1], layer)
        elif is_plain(layer):
            found.append(layer)
        elif not isinstance(layer, nn.ReLU):
            return None
    return found


def probe_for(convolutions: Sequence[nn.Conv2d]) -> Tensor:
    """[1,C,h,w]: all brightnesses with noise, and, in planes that are not of the picture, its sigma."""
    planes_in, planes_out = convolutions[0].in_channels, convolutions[-1].out_channels
    ramp = torch.linspace(0, 1, PROBE).expand(1, planes_out, PROBE, PROBE)
    noisy = ramp + PROBE_SIGMA * torch.randn(ramp.shape, generator=torch.Generator().manual_seed(0))
    return torch.cat([noisy, torch.full((1, planes_in - planes_out, PROBE, PROBE), PROBE_SIGMA)], dim=1)


@dataclass(frozen=True)
class ChainShape:
    """planes_in, planes_out: of the whole chain. depth: convolutions. width: features between them."""

    planes_in: int
    planes_out: int
    depth: int
    width: int
    batch_norm: bool = False
    bias: bool = True

    def build(self) -> ConvolutionChain:
        """Conv+ReLU, (depth − 2) × Conv(+BN)+ReLU, Conv.

        Batch norm's eps is PyTorch's 1e-5, and 1e-4 where the convolutions also carry a bias (the authors' toolbox).
        Weights start as in arXiv 1502.01852, eq. 10: with PyTorch's own start a picture fades by √6 a layer,
        and twenty layers without batch norm never begin to learn.
        """
        layers: list[nn.Module] = [self._convolution(self.planes_in, self.width), nn.ReLU(inplace=True)]
        for _ in range(self.depth - 2):
            layers.append(self._convolution(self.width, self.width))
            if self.batch_norm:
                layers.append(nn.BatchNorm2d(self.width, eps=1e-4 if self.bias else 1e-5))
            layers.append(nn.ReLU(inplace=True))
        last = self._convolution(self.width, self.planes_out)
        last.weight.data *= LAST_LAYER
        return ConvolutionChain(*layers, last)

    def _convolution(self, planes_in: int, planes_out: int) -> nn.Conv2d:
        convolution = nn.Conv2d(planes_in, planes_out, 3, padding=1, bias=self.bias)
        nn.init.kaiming_normal_(convolution.weight, nonlinearity="relu")
        if convolution.bias is not None:
            nn.init.zeros_(convolution.bias)
        return convolution


def chain_shape(weights: Weights) -> ChainShape | None:
    """The shape of a chain named `model.0.weight`, `model.2.weight`, …; None if the weights are anything else."""
    kernels = _kernels(weights.state)
    if len(kernels) < 3 or not all(key.startswith(PREFIX) for key in weights.state):
        return None
    if any(kernel.shape[2:] != (3, 3) for kernel in kernels):
        return None
    return ChainShape(
        planes_in=kernels[0].shape[1],
        planes_out=kernels[-1].shape[0],
        depth=len(kernels),
        width=kernels[0].shape[0],
        batch_norm=any(key.endswith("running_mean") for key in weights.state),
        bias=f"{PREFIX}0.bias" in weights.state,
    )


def known_chain(weights: Weights) -> ChainShape:
    """`chain_shape` of weights that have been detected."""
    shape = chain_shape(weights)
    if shape is None:
        raise KeyError("model.0.weight")
    return shape


def _kernels(state: StateDict) -> list[Tensor]:
    numbered = {}
    for key, value in state.items():
        number = key.removeprefix(PREFIX).removesuffix(".weight")
        if number.isdigit() and value.ndim == 4:
            numbered[int(number)] = value
    return [numbered[number] for number in sorted(numbered)]
