"""A filter with one strength, driven by the noise level, as a denoiser."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from ...imaging.estimation import estimate_sigma
from ...imaging.level import DenoiseError, Level, as_sigma
from ...monitor import Monitor
from ..contract import Spec

Filter = Callable[[Tensor, Tensor, Monitor], Tensor]
"""(picture [1,C,H,W] float32, strength·sigma [1,1,1,1] on the [0,1] scale, monitor) → filtered picture."""


@dataclass(frozen=True)
class ClassicalDenoiser:
    """The contract around a filter, frame by frame.

    title: what users see. paper: where it comes from.
    strength: multiplies the noise level that the filter is told; 1 = tuned for white Gaussian noise.
    needs: raises DenoiseError when an optional package is missing; None = always there.
    """

    name: str
    title: str
    paper: str
    filter: Filter
    strength: float = 1.0
    needs: Callable[[], object] | None = None

    @property
    def spec(self) -> Spec:
        """Metadata; a filter works on any number of planes."""
        return Spec(self.name, "Classical", conditioning="sigma", half=False, card={"paper": self.paper})

    def ready(self) -> ClassicalDenoiser:
        """Itself. Raises DenoiseError when a package it needs is missing: where it is chosen, not where it is used."""
        if self.needs is not None:
            self.needs()
        return self

    def with_strength(self, strength: float) -> ClassicalDenoiser:
        """The same filter told `strength` times the noise level. Raises ValueError unless it is positive."""
        if not strength > 0:
            raise ValueError(f"strength must be positive, got {strength}.")
        return replace(self, strength=strength)

    def __call__(self, image: Tensor, level: Level = Level(), monitor: Monitor | None = None) -> Tensor:
        """See `Denoiser`. An unknown sigma is estimated from the picture.

        Raises:
            DenoiseError: a sigma map; a filter takes one number per frame.
        """
        monitor = monitor or Monitor()
        sigma = level.sigma
        if sigma is None:
            sigma = estimate_sigma(image)
            monitor.note("sigma (estimated)", sigma)
        sigma = self.strength * as_sigma(sigma, image)
        if sigma.shape[-2:] != (1, 1):
            raise DenoiseError(f"{self.title} takes one sigma per picture, not a map; give it a number.")
        clean = torch.empty_like(image, dtype=torch.float32)
        with torch.no_grad():
            for frame in range(image.shape[0]):
                part = monitor.part(frame, image.shape[0])
                one = slice(frame, frame + 1)
                clean[one] = self.filter(image[one].float(), sigma[one], part)
                part.advance(1.0)
        return clean


_methods: dict[str, ClassicalDenoiser] = {}


def register(method: ClassicalDenoiser) -> None:
    """Add a method. Raises ValueError when its name is taken."""
    if method.name in _methods:
        raise ValueError(f"classical denoiser {method.name!r} is registered twice.")
    _methods[method.name] = method


def classical() -> dict[str, ClassicalDenoiser]:
    """All methods by name; every file of `models/classical` is imported on the first call."""
    package = importlib.import_module(__package__ or "")
    for module in pkgutil.iter_modules(package.__path__):
        importlib.import_module(f"{package.__name__}.{module.name}")
    return dict(sorted(_methods.items()))
