"""The bound of a denoising variational autoencoder (arXiv 1511.06406, eq. 6)."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from ...imaging.level import DenoiseError
from ...models.networks.vae import DenoisingVAE, Gaussian, kl_divergence
from ..samples import Batch
from . import Student, objective


@objective
def elbo(
    student: Student,
    batch: Batch,
    generator: torch.Generator,
    kl_weight: float = 1.0,
    variance_share: float = 0.5,
) -> Tensor:
    """−log p(clean | z) + kl_weight · KL(q(z | noisy) ‖ N(0, I)) per number of the picture, z drawn from q.

    variance_share: 0 = the plain likelihood; towards 1 its gradient with respect to the mean is freed from the
    variance, so that difficult places are not given up (β-NLL, arXiv 2203.09168, eq. 5).

    Raises:
        DenoiseError: a network without encoder and decoder.
    """
    network = student.network
    if not isinstance(network, DenoisingVAE):
        raise DenoiseError(f"objective 'elbo' trains a DenoisingVAE, not a {type(network).__name__}.")
    posterior = network.encode(batch.noisy)
    noise = torch.randn(posterior.mean.shape, generator=generator).to(batch.noisy.device)
    loss = negative_log_likelihood(network.decode(posterior.draw(noise)), batch.clean, variance_share)
    return loss + kl_weight * kl_divergence(posterior).sum() / batch.clean.numel()


def negative_log_likelihood(decoded: Gaussian, clean: Tensor, variance_share: float = 0.0) -> Tensor:
    """Mean of (x − μ)²/(2σ²) + ½·log(2πσ²), weighted by σ^(2·variance_share); weights have mean 1.

    Without that scaling the KL term would gain weight as the variances shrink, and the code would be given up.
    """
    mean, log_variance = decoded
    each = 0.5 * ((clean - mean.float()).square() * (-log_variance).exp() + log_variance + math.log(2 * math.pi))
    weight = (variance_share * log_variance).exp().detach()
    return (each * weight / weight.mean()).mean()
