"""What the node, the command line, sweeps and the documentation may know of a noise kind."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import isfinite

import numpy as np

Draw = Callable[..., np.ndarray]
"""(clean [H,W,C] float32, amount, generator, **options) → noisy [H,W,C]."""

SIGMA_SCALE = 1 / 255
"""Nodes and the command line speak of the 0–255 scale of the literature, Python of [0,1]."""


def in_range(value: float, name: str, low: float = 0.0, high: float = float("inf")) -> float:
    """`value` as a float. Raises ValueError when it is outside [low, high] or not finite."""
    if not (low <= value <= high and isfinite(value)):
        bounds = f"between {low:g} and {high:g}" if isfinite(high) else f"finite and at least {low:g}"
        raise ValueError(f"{name} must be {bounds}, got {value}.")
    return float(value)


@dataclass(frozen=True)
class NoiseKind:
    """One kind of noise and the one number that says how much of it.

    name: key in NOISE_KINDS, saved in workflows. label: what users read. unit: of the amount on the node scale.
    tooltip: what the noise is and what the amount means. default, minimum, maximum, step: on the node scale.
    scale: node value × scale = the amount that `apply` and `add_noise` take. draw: the algorithm.
    """

    name: str
    label: str
    unit: str
    tooltip: str
    default: float
    minimum: float
    maximum: float
    step: float
    draw: Draw
    scale: float = 1.0

    def amount(self, value: float) -> float:
        """Node or command-line value → the amount in Python's unit."""
        return value * self.scale

    def apply(self, clean: np.ndarray, amount: float, random: np.random.Generator, **options: object) -> np.ndarray:
        """Noisy copy of one frame.

        Args:
            clean: [H,W,C] float32 on the [0,1] scale, C = 1 or 3. amount: in Python's unit. random: its only
            source of chance. options: further keyword arguments of the kind's own function.

        Returns:
            [H,W,C] float32; kinds that imitate a file or a camera clip to [0,1], the others do not.

        Raises:
            ValueError: wrong shape, or an amount the kind does not know.
        """
        if clean.ndim != 3 or clean.shape[-1] not in (1, 3) or clean.size == 0:
            raise ValueError(f"a frame must be a non-empty [H,W,1] or [H,W,3], got shape {clean.shape}.")
        noisy = self.draw(clean.astype(np.float32, copy=False), amount, random, **options)
        return noisy.astype(np.float32, copy=False)
