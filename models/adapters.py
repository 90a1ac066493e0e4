"""Turning what a raw network predicts, whatever it is conditioned on, into the clean estimate of the contract."""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn

from ..imaging.level import DenoiseError, Level, as_sigma, per_frame
from .contract import Spec
from .prediction import estimated_original


def predict_clean(network: nn.Module, spec: Spec, image: Tensor, level: Level) -> Tensor:
    """One forward pass: image [B,C,H,W] on the [0,1] scale → clean estimate of the same shape, float32.

    Raises:
        DenoiseError: sigma is missing or of a kind the network cannot take; an unknown class label.
    """
    if spec.conditioning == "timestep":
        return _predict_at_timestep(network, spec, image, level)
    extra = _conditioning(spec, image, level)
    output = network(image, *extra).float()
    if spec.prediction == "residual":
        return image - output
    if spec.prediction == "clean":
        return output
    if spec.prediction == "score":  # Tweedie: D = x + σ²·s
        return image + known_sigma(spec, image, level) ** 2 * output
    raise DenoiseError(f"{spec.name} predicts {spec.prediction}, which needs a timestep-conditioned network.")


def _conditioning(spec: Spec, image: Tensor, level: Level) -> tuple[Tensor, ...]:
    if spec.conditioning == "alpha":
        return (per_frame(level.alpha, image),)
    if spec.conditioning == "none":
        return ()
    sigma = known_sigma(spec, image, level)
    if spec.conditioning == "sigma" and sigma.shape[-2:] != (1, 1):
        raise DenoiseError(f"{spec.name} takes one sigma per picture, not a map; give it a number.")
    return (sigma,)


def known_sigma(spec: Spec, image: Tensor, level: Level) -> Tensor:
    """The level's sigma as [B,1,1,1] or [B,1,H,W]; raises DenoiseError when it is unknown."""
    if level.sigma is None:
        raise DenoiseError(f"{spec.name} must be told the noise level; connect sigma, for example from Estimate Noise.")
    return as_sigma(level.sigma, image)


def _labels(spec: Spec, image: Tensor, level: Level) -> Tensor | None:
    if not spec.classes:
        if level.condition is not None:
            raise DenoiseError(f"{spec.name} knows no classes; remove the condition or load a conditional network.")
        return None
    if level.condition is None:
        if not spec.unconditional:
            raise DenoiseError(
                f"{spec.name} was trained with labels only and has no prediction without one, so guidance against "
                f"'no label' is impossible; give a label from 0 to {spec.classes - 1}."
            )
        return torch.full((image.shape[0],), spec.classes, dtype=torch.long, device=image.device)
    labels = per_frame(level.condition, image, torch.long)
    if (labels < 0).any() or (labels >= spec.classes).any():
        raise DenoiseError(f"{spec.name} has classes 0 to {spec.classes - 1}; the condition asks for another.")
    return labels


def match_timestep(alphas_cumprod: Tensor, sigma: Tensor) -> Tensor:
    """sigma [B,1,1,1] on the [0,1] scale → [B] the t whose noise-to-signal ratio is nearest (in logarithm).

    A DDPM of pictures in [-1,1] sees z = √ᾱ·(2x−1) + √(1−ᾱ)·ε, so √((1−ᾱ)/ᾱ) = 2·sigma (arXiv 2006.11239, eq. 4).
    """
    alphas_cumprod = alphas_cumprod.cpu()  # not every device has doubles
    ratio = ((1 - alphas_cumprod) / alphas_cumprod).sqrt().log()
    wanted = (2 * sigma.reshape(-1, 1).cpu().double().clamp_min(1e-8)).log()
    return (ratio[None] - wanted).abs().argmin(dim=1).to(sigma.device)


def _predict_at_timestep(network: nn.Module, spec: Spec, image: Tensor, level: Level) -> Tensor:
    sigma = known_sigma(spec, image, level)
    if sigma.shape[-2:] != (1, 1):
        raise DenoiseError(f"{spec.name} takes one sigma per picture, not a map; give it a number.")
    ratio = 2 * sigma  # noise-to-signal on the [-1,1] scale
    signal = (1 + ratio**2).rsqrt()  # √ᾱ
    timestep = match_timestep(cast(Tensor, network.alphas_cumprod), sigma)
    noisy = signal * (2 * image - 1)
    labels = _labels(spec, image, level)
    output = (network(noisy, timestep) if labels is None else network(noisy, timestep, labels)).float()
    output = output[:, : image.shape[1]]  # a network that learned its variance says it in further planes
    return (estimated_original(spec.prediction, output, noisy, signal, signal * ratio) + 1) / 2
