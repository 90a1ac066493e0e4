"""How much noise each timestep of a diffusion chain adds: one table for schedulers, networks and trainer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, get_args

import numpy as np

from .level import DenoiseError

BetaSchedule = Literal["linear", "scaled_linear", "cosine"]
BETA_SCHEDULES: tuple[str, ...] = get_args(BetaSchedule)
_PUBLISHED: dict[str, BetaSchedule] = {
    "linear": "linear",
    "scaled_linear": "scaled_linear",
    "squaredcos_cap_v2": "cosine",
}
LEAST_SIGNAL = 1e-30
"""The smallest ᾱ whose noise level, squared, float32 still holds."""
CLEAN = -1
"""The time after the last step, where nothing of the noise is left."""


def cosine_betas(count: int, largest: float = 0.999) -> np.ndarray:
    """[count] float64 from ᾱ(t) = cos²((t/T + s)/(1 + s)·π/2) with s = 0.008, arXiv 2102.09672, eq. 17."""
    times = np.arange(count + 1) / count
    alpha_bar = np.cos((times + 0.008) / 1.008 * np.pi / 2) ** 2
    return np.minimum(1 - alpha_bar[1:] / alpha_bar[:-1], largest)


@dataclass(frozen=True)
class NoiseSchedule:
    """The variances β_t of q(x_t | x_{t−1}) = N(√(1−β_t)·x_{t−1}, β_t), arXiv 2006.11239, eq. 2, in float64.

    kind: linear (the DDPM paper), scaled_linear (linear in √β, latent diffusion) or cosine.
    train_steps: number of timesteps, 0 is the cleanest. beta_start, beta_end: not used by cosine.
    """

    kind: BetaSchedule = "linear"
    train_steps: int = 1000
    beta_start: float = 1e-4
    beta_end: float = 0.02

    def __post_init__(self) -> None:
        if self.kind not in BETA_SCHEDULES:
            raise DenoiseError(f"beta schedule {self.kind!r} is unknown; use one of {', '.join(BETA_SCHEDULES)}.")
        if self.train_steps < 1:
            raise DenoiseError(f"train_steps must be at least 1, got {self.train_steps}.")
        if self.kind != "cosine" and not 0 < self.beta_start <= self.beta_end < 1:
            raise DenoiseError(
                f"betas must rise inside (0, 1), got {self.beta_start} to {self.beta_end}; "
                "the usual ones are 0.0001 to 0.02."
            )
        if (left := self.alphas_cumprod[-1]) < LEAST_SIGNAL:
            raise DenoiseError(
                f"the chain ends with a share of {left:.0e} of the picture's variance, too small to compute with (1000 "
                "timesteps of the usual betas leave 4e-05); take fewer train_timesteps or smaller betas."
            )

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> NoiseSchedule:
        """Read a published `scheduler_config.json` (diffusers' names); absent entries have diffusers' defaults.

        Raises:
            DenoiseError: trained betas, an unknown schedule, or zero-terminal-SNR rescaling.
        """
        if config.get("rescale_betas_zero_snr"):
            raise DenoiseError(
                "this chain is rescaled to zero terminal signal-to-noise ratio: its last timestep is pure noise, which "
                "no noise level sigma can describe; use a network trained without rescale_betas_zero_snr."
            )
        if config.get("trained_betas") is not None:
            raise DenoiseError(
                "the scheduler config lists its own trained_betas; only linear, scaled_linear and "
                "squaredcos_cap_v2 schedules are known."
            )
        name = config.get("beta_schedule", "linear")
        if name not in _PUBLISHED:
            raise DenoiseError(f"the scheduler config has beta_schedule {name!r}; known are {', '.join(_PUBLISHED)}.")
        return cls(
            _PUBLISHED[name],
            int(config.get("num_train_timesteps", 1000)),
            float(config.get("beta_start", 1e-4)),
            float(config.get("beta_end", 0.02)),
        )

    @cached_property
    def betas(self) -> np.ndarray:
        """[train_steps] float64."""
        if self.kind == "cosine":
            return cosine_betas(self.train_steps)
        if self.kind == "scaled_linear":
            return np.linspace(self.beta_start**0.5, self.beta_end**0.5, self.train_steps) ** 2
        return np.linspace(self.beta_start, self.beta_end, self.train_steps)

    @cached_property
    def alphas_cumprod(self) -> np.ndarray:
        """[train_steps] float64: ᾱ_t = Π (1 − β_s), the share of signal variance left at t."""
        return np.cumprod(1 - self.betas)

    def alpha_bar(self, time: int) -> float:
        """ᾱ at a timestep; 1 at `CLEAN`."""
        return 1.0 if time == CLEAN else float(self.alphas_cumprod[time])

    def sigma(self, time: int) -> float:
        """Noise level of the picture seen at a timestep, [0,1] scale.

        x_t/√ᾱ is the clean picture on the [-1,1] scale plus noise of deviation √((1−ᾱ)/ᾱ); half of that on [0,1].
        """
        alpha_bar = self.alpha_bar(time)
        return ((1 - alpha_bar) / alpha_bar) ** 0.5 / 2

    def match(self, sigma: float) -> int:
        """The timestep whose noise level is nearest to sigma ([0,1] scale) in logarithm (DMID, arXiv 2307.03992)."""
        levels = np.log((1 - self.alphas_cumprod) / self.alphas_cumprod) / 2 - np.log(2)
        return int(np.abs(levels - np.log(max(sigma, 1e-8))).argmin())
