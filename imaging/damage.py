"""Made-up damage to fill in: scratches, spots and dead pixels as masks."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from .level import DenoiseError
from .randomness import generator

LARGEST_SHARE = 0.5
Draw = Callable[[np.ndarray, np.ndarray, np.random.Generator], np.ndarray]


def _scratch(rows: np.ndarray, columns: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """A straight line across the picture, one to three pixels wide for each 400 of its shorter side."""
    side = min(rows.size, columns.size)
    row, column = random.uniform(0, rows.size), random.uniform(0, columns.size)
    angle, width = random.uniform(0, np.pi), max(1.0, random.uniform(1, 3) * side / 400)
    return np.abs((columns - column) * np.sin(angle) - (rows - row) * np.cos(angle)) <= width / 2


def _spot(rows: np.ndarray, columns: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """A disc with a radius of 1 to 4 % of the shorter side."""
    radius = random.uniform(0.01, 0.04) * min(rows.size, columns.size)
    row, column = random.uniform(0, rows.size), random.uniform(0, columns.size)
    return (rows - row) ** 2 + (columns - column) ** 2 <= max(radius, 0.8) ** 2


_SHAPES: dict[str, Draw] = {"scratches": _scratch, "spots": _spot}
DAMAGES: tuple[str, ...] = (*_SHAPES, "pixels")


def damage_mask(height: int, width: int, kind: str, share: float, seed: int = 0, frame: int = 0) -> Tensor:
    """[height,width] float32, 1 where the picture is damaged: shapes are drawn until `share` (0..1) is covered.

    Depends on (seed, frame) alone.

    Raises:
        DenoiseError: unknown kind, or a share outside 0 to 0.5.
    """
    if kind not in DAMAGES:
        raise DenoiseError(f"damage {kind!r} is unknown; use one of {', '.join(DAMAGES)}.")
    if not 0 <= share <= LARGEST_SHARE:
        raise DenoiseError(f"the damaged share must be between 0 and {LARGEST_SHARE}, got {share}.")
    random = generator(seed, 0, frame)
    if kind == "pixels":
        return torch.from_numpy((random.random((height, width)) < share).astype(np.float32))
    mask = np.zeros((height, width), bool)
    rows, columns = np.arange(height)[:, None] + 0.5, np.arange(width)[None] + 0.5
    while mask.mean() < share:
        mask |= _SHAPES[kind](rows, columns, random)
    return torch.from_numpy(mask.astype(np.float32))
