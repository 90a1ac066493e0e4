"""Several clean pictures for one noisy one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import torch
from torch import Tensor

from ..imaging.level import DenoiseError, Level
from ..imaging.randomness import normal
from ..monitor import Monitor
from .channels import fit_channels, restore_channels
from .network_denoiser import NetworkDenoiser
from .networks.vae import DenoisingVAE


def can_draw(denoiser: object) -> bool:
    """Whether `draws` works on this denoiser."""
    return isinstance(denoiser, NetworkDenoiser) and isinstance(denoiser.network, DenoisingVAE)


def draws(
    denoiser: object, image: Tensor, count: int, seed: int, *, first_frame: int = 0, monitor: Monitor | None = None
) -> Iterator[Tensor]:
    """`count` clean pictures [B,C,H,W], drawn from what a variational autoencoder thinks possible, one after another.

    Args:
        denoiser: a `NetworkDenoiser` of a `DenoisingVAE`. image: [B,C,H,W] on the [0,1] scale.
        seed, first_frame: the random numbers depend on (seed, draw, frame) alone.

    Raises:
        DenoiseError: the denoiser is of another kind, or count is below 1.
    """
    if not (isinstance(denoiser, NetworkDenoiser) and isinstance(denoiser.network, DenoisingVAE)):
        raise DenoiseError("only a denoising VAE can draw several answers; load one with Load Denoiser.")
    if count < 1:
        raise DenoiseError(f"draws must be at least 1, got {count}.")
    monitor = monitor or Monitor()
    planes, _ = fit_channels(image.float(), Level(), denoiser.spec.channels)
    further = denoiser.network.noise_planes
    drawing = denoiser.reading(replace(denoiser.spec, channels=planes.shape[1] + further))
    per_frame = planes.shape[0] // image.shape[0]
    for index in range(count):
        shape = (image.shape[0], per_frame * further, *planes.shape[-2:])
        noise = normal(shape, seed, index, first_frame).to(planes.device)
        both = torch.cat([planes, noise.reshape(planes.shape[0], -1, *planes.shape[-2:])], dim=1)
        answer = drawing(both, Level(), monitor.part(index, count))[:, : planes.shape[1]]
        yield restore_channels(answer, image.shape[1])
