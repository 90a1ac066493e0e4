"""The parts of a recipe, each checked when it is made, and what is said when one is impossible."""

from __future__ import annotations

import inspect
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ..imaging.noise import NOISE_KINDS

TWICE_NOISY = ("noise2noise",)
"""Objectives that learn from two noisy pictures of every scene."""
SMALLEST_CROP = 8


class RecipeError(ValueError):
    """A recipe that cannot be followed; the text names the entry, the problem and the way out."""


def require(holds: bool, entry: str, problem: str) -> None:
    """Raise RecipeError unless `holds`."""
    if not holds:
        raise RecipeError(f"recipe entry '{entry}' {problem}.")


def check_pairs_suffice(objective: str) -> None:
    """Raise RecipeError for an objective that pairs of a noisy and a clean picture cannot serve."""
    require(
        objective not in TWICE_NOISY,
        "data.pairs",
        f"has one noisy picture per scene, but {objective} needs two; name folders of clean pictures in data.clean, to "
        "which noise is added twice, or train pairs (of two noisy shots, too) with objective 'regression', norm 'l2'",
    )


@dataclass(frozen=True)
class NoisePart:
    """One kind of noise in the mixture.

    kind: a key of NOISE_KINDS. weight: its share of the clean samples. low, high: range of its amount on the node
    scale (sigma of 255, ISO, quality …), drawn evenly, or evenly in the logarithm. options: more arguments of the kind.
    on_top: probability that Gaussian noise of sigma up to on_top_sigma (of 255) is added to it; on Gaussian noise the
    two make one of their joint sigma.
    """

    kind: str
    low: float
    high: float
    weight: float = 1.0
    logarithmic: bool = False
    options: Mapping[str, Any] = field(default_factory=dict)
    on_top: float = 0.0
    on_top_sigma: float = 0.0

    def __post_init__(self) -> None:
        require(self.kind in NOISE_KINDS, "noise.kind", f"is {self.kind!r}; use one of {', '.join(NOISE_KINDS)}")
        kind = NOISE_KINDS[self.kind]
        require(self.low <= self.high, "noise.low", f"({self.low}) is above noise.high ({self.high})")
        within = kind.minimum <= self.low and self.high <= kind.maximum
        problem = f"and noise.high are {self.low:g} and {self.high:g}, but {self.kind} takes"
        require(within, "noise.low", f"{problem} {kind.minimum:g} to {kind.maximum:g} ({kind.unit})")
        known = list(inspect.signature(kind.draw).parameters)[3:]
        for name in self.options:
            words = f"is unknown; {self.kind} knows {', '.join(known) or 'none'}"
            require(name in known, f"noise.options.{name}", words)
        require(not self.logarithmic or self.low > 0, "noise.low", "must be positive for a logarithmic range")
        require(0 < self.weight < math.inf, "noise.weight", "must be positive and finite")
        require(0 <= self.on_top <= 1, "noise.on_top", "is a probability; give 0 to 1")
        above = 0 < self.on_top_sigma < math.inf
        require(not self.on_top or above, "noise.on_top_sigma", "must be positive and finite where on_top is set")


@dataclass(frozen=True)
class Data:
    """Where pictures come from and how they are cut.

    clean: folders of clean pictures, noise is made on the fly. pairs: folders of noisy/clean pairs. pair_share: share
    of the samples that come from pairs. crop: side in pixels. colour: share of clean samples whose colours are changed
    (channels permuted, saturation drawn). cache_mib: decoded pictures kept in memory.
    """

    clean: tuple[str, ...] = ()
    pairs: tuple[str, ...] = ()
    pair_share: float = 0.0
    crop: int = 128
    batch: int = 8
    gray: bool = False
    colour: float = 0.0
    cache_mib: int = 2048

    def __post_init__(self) -> None:
        require(bool(self.clean or self.pairs), "data", "names no folder; set data.clean or data.pairs")
        require(0 <= self.pair_share <= 1, "data.pair_share", "must be between 0 and 1")
        crops = self.crop >= SMALLEST_CROP and self.batch >= 1
        require(crops, "data.crop", f"must be at least {SMALLEST_CROP}, and data.batch at least 1")
        require(0 <= self.colour <= 1, "data.colour", "must be between 0 and 1")
        require(self.cache_mib >= 0, "data.cache_mib", "must not be negative")


WARM_UP_SHARE = 0.1
"""Longer, and a short training would never have its learning rate."""


@dataclass(frozen=True)
class Schedule:
    """How long and how fast.

    steps or minutes: the length; with both, whichever comes first. decay: 'cosine' falls to final_share of the rate
    over the length; 'epoch' multiplies it by epoch_factor every epoch_steps; 'none'. warm_up: steps of linear rise,
    at most WARM_UP_SHARE of the steps.
    """

    learning_rate: float = 5e-4
    steps: int = 0
    minutes: float = 0.0
    warm_up: int = 0
    decay: str = "cosine"
    final_share: float = 1e-3
    epoch_steps: int = 0
    epoch_factor: float = 1.0

    def __post_init__(self) -> None:
        require(self.steps > 0 or self.minutes > 0, "schedule", "has no length; set schedule.steps or schedule.minutes")
        require(self.decay in ("cosine", "epoch", "none"), "schedule.decay", "must be cosine, epoch or none")
        require(self.decay != "epoch" or self.epoch_steps > 0, "schedule.epoch_steps", "must be set for decay 'epoch'")
        require(0 < self.learning_rate < math.inf, "schedule.learning_rate", "must be positive and finite")
        lengths = self.steps >= 0 and 0 <= self.minutes < math.inf
        require(lengths, "schedule.steps", "and schedule.minutes must not be negative, and be finite")
        require(self.warm_up >= 0, "schedule.warm_up", "must not be negative")
        require(0 <= self.final_share <= 1, "schedule.final_share", "must be between 0 and 1")
        require(0 < self.epoch_factor <= 1, "schedule.epoch_factor", "must be above 0 and at most 1")

    def fraction(self, step: int, seconds: float) -> float:
        """How much of the length is over, 0..1."""
        by_steps = step / self.steps if self.steps else 0.0
        by_time = seconds / (60 * self.minutes) if self.minutes else 0.0
        return min(1.0, max(by_steps, by_time))

    def rate(self, step: int, seconds: float) -> float:
        """Learning rate of step number `step`, counted from 0."""
        warm_up = min(self.warm_up, WARM_UP_SHARE * self.steps) if self.steps else self.warm_up
        rise = min(1.0, (step + 1) / warm_up) if warm_up else 1.0
        if self.decay == "epoch":
            return self.learning_rate * rise * self.epoch_factor ** (step // self.epoch_steps)
        if self.decay == "none":
            return self.learning_rate * rise
        wave = (1 + math.cos(math.pi * self.fraction(step, seconds))) / 2
        return self.learning_rate * rise * (self.final_share + (1 - self.final_share) * wave)


@dataclass(frozen=True)
class Optimiser:
    """AdamW's settings, the gradient norm limit and the moving average of the weights."""

    betas: tuple[float, ...] = (0.9, 0.99)
    weight_decay: float = 0.0
    clip_norm: float = 0.5
    ema: float = 0.999

    def __post_init__(self) -> None:
        pair = len(self.betas) == 2 and all(0 <= beta < 1 for beta in self.betas)
        require(pair, "optimiser.betas", "must be two numbers from 0 to below 1, as in [0.9, 0.99]")
        require(0 <= self.weight_decay < math.inf, "optimiser.weight_decay", "must be 0 or more, and finite")
        require(0 <= self.clip_norm < math.inf, "optimiser.clip_norm", "must be 0 (no limit) or more, and finite")
        require(0 <= self.ema <= 1, "optimiser.ema", "must be between 0 and 1")


@dataclass(frozen=True)
class Validation:
    """What is measured on the way: PSNR on clean pictures with Gaussian noise (sigma of 255), and on pairs.

    A mixture without Gaussian noise is measured on the other kinds alone.

    clean, pairs: folders; empty = the training ones. pictures: how many of each. every: steps between measurements.
    crop: side of the centre that is measured. held_out: do not learn from the clean pictures that are measured, where
    there are at least five times as many. noise: more kinds of noise for the clean pictures, each drawn once per
    picture.
    """

    clean: tuple[str, ...] = ()
    pairs: tuple[str, ...] = ()
    sigma: float = 25.0
    pictures: int = 4
    crop: int = 256
    every: int = 500
    noise: tuple[NoisePart, ...] = ()
    held_out: bool = False

    def __post_init__(self) -> None:
        require(0 <= self.sigma <= 255, "validation.sigma", "must be between 0 and 255")
        counts = self.pictures >= 1 and self.every >= 1
        require(counts, "validation.pictures", "and validation.every must be at least 1")
        require(self.crop >= SMALLEST_CROP, "validation.crop", f"must be at least {SMALLEST_CROP}")
