"""FDnCNN: DnCNN that is told the noise level and predicts the clean picture (released with arXiv 1710.04026)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ..contract import Spec
from ..registry import Architecture, Weights, register
from .convolution_chain import ChainShape, chain_shape, known_chain

SIGMA_RANGE = (0.0, 75 / 255)


class FDnCNN(nn.Module):
    """A chain of convolutions on the picture and a plane of noise levels."""

    def __init__(self, channels: int = 3, depth: int = 20, width: int = 64) -> None:
        super().__init__()
        self.model = ChainShape(channels + 1, channels, depth, width).build()

    def forward(self, x: Tensor, sigma: Tensor) -> Tensor:
        """x [B,C,H,W], sigma [B,1,1,1] or [B,1,H,W], both on the [0,1] scale → clean estimate [B,C,H,W]."""
        return self.model(torch.cat([x, sigma.to(x.dtype).expand(-1, -1, *x.shape[-2:])], dim=1))


def _detect(weights: Weights) -> bool:
    shape = chain_shape(weights)
    return shape is not None and shape.planes_in == shape.planes_out + 1 and shape.planes_out in (1, 3)


def _build(weights: Weights) -> FDnCNN:
    shape = known_chain(weights)
    return FDnCNN(shape.planes_out, shape.depth, shape.width)


def _spec(weights: Weights) -> Spec:
    shape = known_chain(weights)
    return Spec(
        name="FDnCNN",
        architecture="FDnCNN",
        prediction="clean",
        conditioning="sigma_map",
        channels=shape.planes_out,
        radius=shape.depth,
        sigma_range=SIGMA_RANGE,
        activation_bytes=3 * 4 * shape.width,
        map_bytes=4 * shape.width,
    )


register(Architecture(name="FDnCNN", detect=_detect, build=_build, spec=_spec, create=FDnCNN))
