"""A denoising variational autoencoder: encodes the noisy picture, decodes clean ones (arXiv 1511.06406)."""

from __future__ import annotations

from dataclasses import astuple
from typing import NamedTuple, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..registry import Architecture, register
from .bottleneck import FACTOR, BottleneckShape, bottleneck_shape, bottleneck_spec, is_bottleneck
from .padding import pad_to_multiple

LOG_VARIANCE = (-12.0, 2.0)
"""Both variances are kept in e^-12 … e^2, so that no exponential overflows in half precision."""
FIRST_CODE, FIRST_PICTURE = -6.0, -5.0
"""Log-variances of an untrained network: deviations of 0.05 and 0.08."""
CODE_SPREAD = 0.2
"""Usual deviation of the code of an autoencoder trained as by its recipe; the prior N(0, I) wants 1."""


class Gaussian(NamedTuple):
    """A mean and the logarithm of a variance, of equal shape."""

    mean: Tensor
    log_variance: Tensor

    def draw(self, noise: Tensor) -> Tensor:
        """mean + deviation · noise (the reparametrisation of arXiv 1312.6114, eq. 4)."""
        return self.mean + (0.5 * self.log_variance).exp() * noise


class DenoisingVAE(nn.Module):
    """q(z | noisy) by the encoder, p(clean | z) by the decoder, both diagonal Gaussians.

    The decoder's variance is what makes the draws informative: where it expects large errors, the code may be vague
    (arXiv 1703.04977 for the variance; arXiv 1511.06406, eq. 6, for the bound), and the draws differ most.
    """

    def __init__(self, channels: int = 3, width: int = 48, code: int = 32, blocks: int = 3) -> None:
        super().__init__()
        if code % FACTOR**2:
            raise ValueError(f"code must be a multiple of {FACTOR**2}, got {code}.")
        self.channels, self.noise_planes = channels, code // FACTOR**2
        shape = BottleneckShape(channels, width, code, blocks)
        self.encoder = shape.encoder(2 * shape.code)
        self.decoder = shape.decoder(2 * shape.channels)
        # Sure of itself at first: with wide codes and wide pictures the bound is best met by ignoring the code, and
        # training would stay there (posterior collapse).
        _start_variance(self.encoder[-1], FIRST_CODE)
        _start_variance(self.decoder[-2], FIRST_PICTURE)

    def encode(self, noisy: Tensor) -> Gaussian:
        """noisy [B,C,H,W], H and W multiples of 4 → q(z | noisy), [B,code,H/4,W/4]."""
        return _gaussian(self.encoder(noisy))

    def decode(self, code: Tensor) -> Gaussian:
        """z [B,code,H/4,W/4] → p(clean | z), [B,C,H,W] on the [0,1] scale."""
        return _gaussian(self.decoder(code))

    def forward(self, x: Tensor) -> Tensor:
        """x [B,C,H,W] on the [0,1] scale → the mean picture of the likeliest code.

        With code/16 further planes of standard normal numbers, sixteen pixels of a plane for as many code planes, it is
        the mean picture of the code they choose, and they come back as they are: tiles then cut both alike.
        """
        height, width = x.shape[-2:]
        padded = pad_to_multiple(x, FACTOR)
        picture, noise = padded[:, : self.channels], padded[:, self.channels :]
        posterior = self.encode(picture)
        code = posterior.mean
        if noise.shape[1]:
            code = posterior.draw(F.pixel_unshuffle(noise, FACTOR))
        clean = self.decode(code).mean
        return torch.cat([clean, noise.to(clean)], dim=1)[..., :height, :width]


def _start_variance(layer: nn.Module, log_variance: float) -> None:
    """Half of the layer's planes, the last ones, are log-variances."""
    bias = cast(nn.Conv2d, layer).bias
    assert bias is not None
    nn.init.constant_(bias.data[len(bias) // 2 :], log_variance)


def _gaussian(planes: Tensor) -> Gaussian:
    mean, log_variance = planes.chunk(2, dim=1)
    return Gaussian(mean, log_variance.float().clamp(*LOG_VARIANCE))


def kl_divergence(posterior: Gaussian) -> Tensor:
    """KL(q ‖ N(0, I)) of every code number, in nats (arXiv 1312.6114, appendix B)."""
    mean, log_variance = posterior
    return 0.5 * (mean.float().square() + log_variance.exp() - 1 - log_variance)


def from_autoencoder(network: nn.Module) -> DenoisingVAE:
    """A VAE whose likeliest answer is a trained `DenoisingAutoencoder`'s, and as sure of it as an untrained VAE."""
    trained = network.state_dict()
    vae = DenoisingVAE(*astuple(bottleneck_shape(trained)))
    state, last = vae.state_dict(), f"encoder.{len(vae.encoder) - 1}"
    for key, value in trained.items():
        state[key].zero_()[: len(value)] = value  # where there are more planes than that, they are log-variances
    for part in ("weight", "bias"):
        state[f"{last}.{part}"] /= CODE_SPREAD
    state["decoder.0.weight"] *= CODE_SPREAD
    vae.load_state_dict(state)
    _start_variance(vae.encoder[-1], FIRST_CODE)
    _start_variance(vae.decoder[-2], FIRST_PICTURE)
    return vae


register(
    Architecture(
        name="DenoisingVAE",
        detect=lambda weights: is_bottleneck(weights.state, codes=2),
        build=lambda weights: DenoisingVAE(*astuple(bottleneck_shape(weights.state))),
        spec=lambda weights: bottleneck_spec("Denoising VAE", "DenoisingVAE", weights),
        create=DenoisingVAE,
        adopt={"DenoisingAutoencoder": from_autoencoder},
    )
)
