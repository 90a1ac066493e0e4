"""The objective of a diffusion chain's network: undo the noise of a random timestep (arXiv 2006.11239)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from ...imaging.noise_schedule import NoiseSchedule


@dataclass(frozen=True)
class DDPMObjective:
    """Mean squared error of the network's prediction at random timesteps.

    noise: the chain. prediction: epsilon (eq. 14), v_prediction (arXiv 2202.00512, appendix D) or sample.
    low_noise_share: this share of the timesteps is drawn from those no noisier than low_noise_sigma ([0,1] scale), the
    rest from the whole chain; 0 is the paper's L_simple. label_dropout: how often a label is replaced by `null_label`,
    so that the network also learns to do without (arXiv 2207.12598, algorithm 1).
    """

    noise: NoiseSchedule = NoiseSchedule()
    prediction: str = "epsilon"
    low_noise_share: float = 0.0
    low_noise_sigma: float = 75 / 255
    label_dropout: float = 0.1
    null_label: int | None = None

    @cached_property
    def _alphas_cumprod(self) -> Tensor:
        return torch.from_numpy(self.noise.alphas_cumprod).float()

    def timesteps(self, count: int, generator: torch.Generator) -> Tensor:
        """[count] random timesteps."""
        low = self.noise.match(self.low_noise_sigma) + 1
        ends = torch.where(torch.rand(count, generator=generator) < self.low_noise_share, low, self.noise.train_steps)
        return (torch.rand(count, generator=generator) * ends).long()

    def drop_labels(self, labels: Tensor, generator: torch.Generator) -> Tensor:
        """Labels [B], some of them replaced by the null label."""
        if self.null_label is None:
            return labels
        dropped = torch.rand(labels.shape[0], generator=generator) < self.label_dropout
        return torch.where(dropped, self.null_label, labels)

    def target(self, clean: Tensor, noise: Tensor, signal: Tensor, spread: Tensor) -> Tensor:
        """What the network should say of signal·clean + spread·noise; all [B,C,H,W] or [B,1,1,1], clean on [-1,1]."""
        if self.prediction == "epsilon":
            return noise
        if self.prediction == "v_prediction":
            return signal * noise - spread * clean
        if self.prediction == "sample":
            return clean
        raise ValueError(f"prediction {self.prediction!r} is unknown; use epsilon, v_prediction or sample.")

    def loss(
        self,
        network: Callable[..., Tensor],
        pictures: Tensor,
        generator: torch.Generator,
        labels: Tensor | None = None,
    ) -> Tensor:
        """One training step's loss for clean pictures [B,C,H,W] on the [0,1] scale, labels [B] or None."""
        clean = 2 * pictures - 1
        times = self.timesteps(clean.shape[0], generator)
        alpha_bar = self._alphas_cumprod[times].reshape(-1, 1, 1, 1)
        signal, spread = alpha_bar.sqrt(), (1 - alpha_bar).sqrt()
        noise = torch.randn(clean.shape, generator=generator)
        extra = () if labels is None else (self.drop_labels(labels, generator),)
        # eq. 4: q(x_t | x_0) = N(√ᾱ_t·x_0, (1 − ᾱ_t)·I)
        said = network(signal * clean + spread * noise, times, *extra)
        return (said.float() - self.target(clean, noise, signal, spread)).square().mean()
