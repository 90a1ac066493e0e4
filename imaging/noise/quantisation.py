"""Too few levels: smooth gradients become steps."""

from __future__ import annotations

import numpy as np

from .kind import NoiseKind, in_range


def quantisation(clean: np.ndarray, levels: float, random: np.random.Generator | None = None) -> np.ndarray:
    """`clean` clipped to [0,1] and rounded to `levels` (2 to 65536) equal steps. Chance plays no part."""
    steps = np.float32(round(in_range(levels, "levels", 2, 65536)) - 1)
    return np.rint(np.clip(clean, 0, 1) * steps) / steps


QUANTISATION = NoiseKind(
    name="quantisation",
    label="Quantisation (false contours)",
    unit="levels per channel",
    tooltip="Every channel keeps that many levels, so that gradients turn into steps. The seed has no effect.",
    default=16,
    minimum=2,
    maximum=256,
    step=1,
    draw=quantisation,
)
