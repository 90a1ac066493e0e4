"""A denoising autoencoder: squeeze the noisy picture into a code, unfold the clean one (Vincent et al. 2008)."""

from __future__ import annotations

from dataclasses import astuple

from torch import Tensor, nn

from ..registry import Architecture, register
from .bottleneck import FACTOR, BottleneckShape, bottleneck_shape, bottleneck_spec, is_bottleneck
from .padding import pad_to_multiple


class DenoisingAutoencoder(nn.Module):
    """Convolutions down to a quarter of the resolution and up again, with no way around the code.

    The code has 32 numbers for the 48 of each 4×4 pixels. What does not fit through is lost: noise first, then the
    finest texture, which is why this family stays below networks that predict the noise.
    """

    def __init__(self, channels: int = 3, width: int = 48, code: int = 32, blocks: int = 3) -> None:
        super().__init__()
        shape = BottleneckShape(channels, width, code, blocks)
        self.encoder = shape.encoder(shape.code)
        self.decoder = shape.decoder(shape.channels)

    def forward(self, x: Tensor) -> Tensor:
        """x [B,C,H,W] on the [0,1] scale → clean estimate of the same shape."""
        height, width = x.shape[-2:]
        return self.decoder(self.encoder(pad_to_multiple(x, FACTOR)))[..., :height, :width]


register(
    Architecture(
        name="DenoisingAutoencoder",
        detect=lambda weights: is_bottleneck(weights.state, codes=1),
        build=lambda weights: DenoisingAutoencoder(*astuple(bottleneck_shape(weights.state))),
        spec=lambda weights: bottleneck_spec("Denoising autoencoder", "DenoisingAutoencoder", weights),
        create=DenoisingAutoencoder,
    )
)
