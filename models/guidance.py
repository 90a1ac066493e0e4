"""Asking a conditional network for a class, and for more of it: classifier-free guidance (arXiv 2207.12598)."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from ..imaging.level import DenoiseError, Level
from ..monitor import Monitor
from .contract import Denoiser, Spec


def guide(positive: Tensor, negative: Tensor, scale: float) -> Tensor:
    """negative + scale·(positive − negative), eq. 6 with scale = 1 + w: 1 = the positive prediction, 0 = the negative.

    The equation is for the predicted noise; clean estimates of one noisy picture differ from it by an affine map, so it
    holds for them as it is.
    """
    return torch.lerp(negative, positive, scale)  # exactly the one or the other at 0 and 1


def class_names(spec: Spec) -> list[str]:
    """Names of the classes by number, from the card; empty when it has none."""
    return [name.strip() for name in spec.card.get("classes", "").split(";") if name.strip()]


def parse_label(text: str, spec: Spec) -> int | None:
    """A class by its number, or by a name in the card's 'classes', separated by semicolons; None for an empty text.

    Raises:
        DenoiseError: no such class.
    """
    text = text.strip()
    if not text:
        return None
    names = class_names(spec)
    number = int(text) if text.isdecimal() and len(text) < 10 else names.index(text) if text in names else -1
    if not 0 <= number < spec.classes:
        known = f"0 to {spec.classes - 1}" + (f" ({', '.join(names)})" if names else "")
        what = f"has classes {known}; '{text}' is none of them" if spec.classes else f"has no classes; clear '{text}'"
        raise DenoiseError(f"{spec.name} {what}.")
    return number


@dataclass(frozen=True)
class ConditionedDenoiser:
    """A denoiser that is always asked for one class, with guidance away from another, or from no class at all.

    label, negative: class numbers, None = unconditional. scale: 1 = no guidance (and one call instead of two).
    Conditioning a conditioned denoiser replaces its class.
    """

    denoiser: Denoiser
    label: int | None
    negative: int | None = None
    scale: float = 1.0
    spec: Spec = field(init=False)

    def __post_init__(self) -> None:
        if isinstance(self.denoiser, ConditionedDenoiser):
            object.__setattr__(self, "denoiser", self.denoiser.denoiser)
        object.__setattr__(self, "spec", self.denoiser.spec)

    def __call__(self, image: Tensor, level: Level = Level(), monitor: Monitor | None = None) -> Tensor:
        """The guided clean estimate; see `Denoiser`."""
        monitor = monitor or Monitor()
        if self.scale == 1 or self.label == self.negative:
            return self.denoiser(image, replace(level, condition=self.label), monitor)
        positive = self.denoiser(image, replace(level, condition=self.label), monitor.part(0, 2))
        negative = self.denoiser(image, replace(level, condition=self.negative), monitor.part(1, 2))
        return guide(positive, negative, self.scale)
