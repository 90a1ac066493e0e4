"""The objective of a diffusion chain's network: undo the noise of a random timestep (arXiv 2006.11239)."""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor

from ...models.prediction import expected_output
from ...models.prior_labels import LABELS, label
from ..samples import Batch
from . import Student, objective


@objective
def ddpm(
    student: Student,
    batch: Batch,
    generator: torch.Generator,
    low_share: float = 0.0,
    low_sigma: float = 75.0,
    label_dropout: float = 0.1,
    quarter_share: float = 0.0,
) -> Tensor:
    """Mean squared error of what the network predicts (eq. 14 when that is the noise), at random timesteps.

    A conditional network is told the class of each picture, computed from it, but with probability `label_dropout` the
    null label, so that it also learns to do without (arXiv 2207.12598, algorithm 1).

    Args:
        low_share: share of the timesteps drawn from those no noisier than low_sigma (0–255 scale), the others come from
            the whole chain; 0 = the paper's L_simple.
        quarter_share: share of the steps that see the crops cut into their four quarters. Group norm measures whole
            pictures, so a network that met only one size is lost on others.

    Raises:
        ValueError: a network of no chain, or with another number of classes than `prior_labels` has.
    """
    if not hasattr(student.network, "alphas_cumprod"):
        raise ValueError(f"objective 'ddpm' trains the UNet2D of a diffusion chain, not {student.spec.architecture}.")
    pictures = batch.clean
    if float(torch.rand((), generator=generator)) < quarter_share:
        pictures = quarters(pictures)
    clean, device = 2 * pictures - 1, pictures.device
    alphas_cumprod = cast(Tensor, student.network.alphas_cumprod)
    times = timesteps(alphas_cumprod, len(clean), low_share, low_sigma / 255, generator)
    alpha_bar = alphas_cumprod[times].float().reshape(-1, 1, 1, 1).to(device)
    signal, spread = alpha_bar.sqrt(), (1 - alpha_bar).sqrt()
    noise = torch.randn(clean.shape, generator=generator).to(device)
    noisy = signal * clean + spread * noise  # eq. 4: q(x_t | x_0) = N(√ᾱ_t·x_0, (1 − ᾱ_t)·I)
    labels = ()
    if student.spec.classes:
        if student.spec.classes != len(LABELS):
            raise ValueError(f"pictures are sorted into {len(LABELS)} classes, but the network has another number.")
        dropped = (torch.rand(len(clean), generator=generator) < label_dropout).to(device)
        labels = (torch.where(dropped, student.spec.classes, label(pictures)),)
    said = student.network(noisy.contiguous(memory_format=torch.channels_last), times.to(device), *labels).float()
    return (said - expected_output(student.spec.prediction, clean, noise, signal, spread)).square().mean()


def quarters(pictures: Tensor) -> Tensor:
    """[B,C,2H,2W] → [4B,C,H,W], those of one picture together; of odd sides the last row or column is left out."""
    height, width = (side // 2 for side in pictures.shape[-2:])
    parts = pictures.unfold(2, height, height).unfold(3, width, width)[:, :, :2, :2]
    return parts.permute(0, 2, 3, 1, 4, 5).flatten(0, 2).contiguous(memory_format=torch.channels_last)


def timesteps(
    alphas_cumprod: Tensor, count: int, low_share: float, low_sigma: float, generator: torch.Generator
) -> Tensor:
    """[count] random timesteps; see `ddpm`. low_sigma on the [0,1] scale."""
    sigmas = ((1 - alphas_cumprod) / alphas_cumprod).sqrt() / 2
    low = int((sigmas <= low_sigma).sum().clamp_min(1))
    ends = torch.where(torch.rand(count, generator=generator) < low_share, low, len(alphas_cumprod))
    return (torch.rand(count, generator=generator) * ends).long()
