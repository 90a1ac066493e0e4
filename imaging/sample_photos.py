"""The clean photographs that come with the pack; sources and licences are in samples/README.md."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from PIL import Image

FOLDER = Path(__file__).parents[1] / "samples"
CREDITS = {
    "cat": "Chelsea the cat, photograph by Stefan van der Walt, CC0",
    "coffee": "Espresso cup, photograph by Rachel Michetti, CC0",
    "astronaut": "Eileen Collins, photograph by NASA, public domain",
    "rocket": "Falcon 9, photograph by SpaceX, public domain",
}
ALL, SIDE = "all four, 300×300", 300
"""The middle of every photograph as one batch, for measuring."""


def credit(picture: str) -> str:
    """Who took it, and its licence. Raises KeyError for a name that is not in the list."""
    return "\n".join(CREDITS.values()) if picture == ALL else CREDITS[picture]


def load_sample(picture: str) -> torch.Tensor:
    """The clean photograph [1,H,W,3] in [0,1], or all as [4,300,300,3]. Raises KeyError for an unknown name."""
    if picture == ALL:
        return torch.cat([_middle(load_sample(name)) for name in CREDITS])
    CREDITS[picture]
    with Image.open(FOLDER / f"{picture}.png") as file:
        pixels = np.asarray(file.convert("RGB"), np.float32) / 255
    return torch.from_numpy(pixels)[None]


def _middle(image: torch.Tensor) -> torch.Tensor:
    top, left = ((length - SIDE) // 2 for length in image.shape[1:3])
    return image[:, top : top + SIDE, left : left + SIDE]
