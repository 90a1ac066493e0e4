"""Ensembles: the mean over the eight flips and turns of a picture, and the weighted mean of several denoisers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from ...imaging.level import DenoiseError, Level
from ...monitor import Monitor
from ..contract import Denoiser, Spec

EIGHT = [(turns, flip) for flip in (False, True) for turns in range(4)]


def turned(planes: Tensor, turns: int, flip: bool) -> Tensor:
    """[B,C,H,W] flipped left to right if asked, then turned by quarters."""
    return torch.rot90(planes.flip(-1) if flip else planes, turns, (-2, -1))


def turned_back(planes: Tensor, turns: int, flip: bool) -> Tensor:
    """The inverse of `turned`."""
    straight = torch.rot90(planes, -turns, (-2, -1))
    return straight.flip(-1) if flip else straight


def views(denoiser: Denoiser, image: Tensor, level: Level, monitor: Monitor) -> Iterator[Tensor]:
    """A denoiser's answers to the eight flips and turns of a picture, turned back, one after another."""
    for index, (turns, flip) in enumerate(EIGHT):
        view = _map_level(level, lambda sigma, t=turns, f=flip: turned(sigma, t, f))
        yield turned_back(denoiser(turned(image, turns, flip), view, monitor.part(index, len(EIGHT))), turns, flip)


@dataclass(frozen=True)
class SelfEnsemble:
    """Mean of a denoiser's answers to the eight flips and turns of the picture (Timofte et al. 2016); 8 × the work."""

    denoiser: Denoiser

    @property
    def spec(self) -> Spec:
        """That of the denoiser inside."""
        return replace(self.denoiser.spec, name=f"{self.denoiser.spec.name} x8")

    def __call__(self, image: Tensor, level: Level = Level(), monitor: Monitor | None = None) -> Tensor:
        """See `Denoiser`."""
        total = torch.zeros_like(image, dtype=torch.float32)
        for estimate in views(self.denoiser, image, level, monitor or Monitor()):
            total += estimate
        return total / len(EIGHT)


def _map_level(level: Level, change: Callable[[Tensor], Tensor]) -> Level:
    if not isinstance(level.sigma, Tensor) or level.sigma.ndim != 4:
        return level
    return replace(level, sigma=change(level.sigma))


@dataclass(frozen=True)
class WeightedEnsemble:
    """Weighted mean of several denoisers' estimates; weights are scaled to sum to one.

    Raises:
        DenoiseError: no denoiser, unequal counts, a negative weight, or all weights zero.
    """

    denoisers: Sequence[Denoiser]
    weights: Sequence[float]

    def __post_init__(self) -> None:
        if not self.denoisers or len(self.denoisers) != len(self.weights):
            raise DenoiseError(f"an ensemble of {len(self.denoisers)} denoisers needs as many weights.")
        if not (min(self.weights) >= 0 and 0 < sum(self.weights) < float("inf")):  # so written, NaN fails
            raise DenoiseError("ensemble weights must be finite and not negative, and one must be positive.")

    @property
    def spec(self) -> Spec:
        """Told a noise level if any member needs it."""
        needs = any(member.spec.needs_sigma for member in self.denoisers)
        name = " + ".join(member.spec.name for member in self.denoisers)
        return Spec(name, "Ensemble", conditioning="sigma" if needs else "none")

    def __call__(self, image: Tensor, level: Level = Level(), monitor: Monitor | None = None) -> Tensor:
        """See `Denoiser`. Members with weight 0 are not run."""
        monitor = monitor or Monitor()
        members = [(d, w / sum(self.weights)) for d, w in zip(self.denoisers, self.weights, strict=True) if w > 0]
        total = torch.zeros_like(image, dtype=torch.float32)
        for index, (member, weight) in enumerate(members):
            total += weight * member(image, level, monitor.part(index, len(members)))
        return total
