"""FFDNet: convolutions at half resolution, told a map of noise levels (Zhang et al., arXiv 1710.04026)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..contract import Spec
from ..registry import Architecture, Weights, register
from .convolution_chain import ChainShape, chain_shape, known_chain

FACTOR = 2
SIGMA_RANGE = (0.0, 75 / 255)


class FFDNet(nn.Module):
    """The four sub-pictures of every second pixel and a plane of noise levels through a chain of convolutions (fig. 1).

    Odd sizes get their last row and column twice, as in the authors' code.
    """

    def __init__(self, channels: int = 3, depth: int = 12, width: int = 96) -> None:
        super().__init__()
        planes = channels * FACTOR**2
        self.model = ChainShape(planes + 1, planes, depth, width).build()

    def forward(self, x: Tensor, sigma: Tensor) -> Tensor:
        """x [B,C,H,W], sigma [B,1,1,1] or [B,1,H,W], both on the [0,1] scale → clean estimate [B,C,H,W]."""
        height, width = x.shape[-2:]
        pictures = F.pixel_unshuffle(_even(x), FACTOR)
        if sigma.shape[-2:] != (1, 1):
            sigma = F.avg_pool2d(_even(sigma), FACTOR)
        levels = sigma.to(x.dtype).expand(-1, -1, *pictures.shape[-2:])
        clean = F.pixel_shuffle(self.model(torch.cat([pictures, levels], dim=1)), FACTOR)
        return clean[..., :height, :width]


def _even(x: Tensor) -> Tensor:
    return F.pad(x, (0, x.shape[-1] % FACTOR, 0, x.shape[-2] % FACTOR), mode="replicate")


def _detect(weights: Weights) -> bool:
    shape = chain_shape(weights)
    planes = (FACTOR**2, 3 * FACTOR**2)
    return shape is not None and shape.planes_in == shape.planes_out + 1 and shape.planes_out in planes


def _build(weights: Weights) -> FFDNet:
    shape = known_chain(weights)
    return FFDNet(shape.planes_out // FACTOR**2, shape.depth, shape.width)


def _spec(weights: Weights) -> Spec:
    shape = known_chain(weights)
    return Spec(
        name="FFDNet",
        architecture="FFDNet",
        prediction="clean",
        conditioning="sigma_map",
        channels=shape.planes_out // FACTOR**2,
        multiple=FACTOR,
        radius=FACTOR * shape.depth + 1,
        sigma_range=SIGMA_RANGE,
        activation_bytes=3 * 4 * shape.width // FACTOR**2,
        map_bytes=4 * shape.width // FACTOR**2,
    )


register(Architecture(name="FFDNet", detect=_detect, build=_build, spec=_spec, create=FFDNet))
