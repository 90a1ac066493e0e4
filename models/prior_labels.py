"""The eight classes of the bundled prior: main hue × texture energy, measured on the picture itself."""

from __future__ import annotations

import math

import torch
from torch import Tensor

HUES = ("neutral", "warm", "green", "blue")
TEXTURES = ("smooth", "textured")
LABELS = tuple(f"{texture} {hue}" for hue in HUES for texture in TEXTURES)
"""Class names by label: 0 = 'smooth neutral' … 7 = 'textured blue'."""

NEUTRAL_CHROMA = 0.06
"""Below this chroma of the mean colour a picture counts as neutral ([0,1] scale): a fifth of natural patches."""
WARM_TO_GREEN, GREEN_TO_BLUE, BLUE_TO_WARM = 60.0, 165.0, 300.0
"""Borders in degrees of the colour circle: red 0, yellow 60, green 120, cyan 180, blue 240, magenta 300."""
TEXTURED = 0.08
"""Root mean square of the gray gradient per pixel ([0,1] scale); about half of natural patches are above it."""


def mean_hue(pictures: Tensor) -> tuple[Tensor, Tensor]:
    """[B,3,H,W] on [0,1] → chroma [B] and hue [B] in degrees of the mean colour (Preucil's hue circle)."""
    red, green, blue = pictures.float().mean(dim=(2, 3)).unbind(dim=1)
    across, up = red - (green + blue) / 2, math.sqrt(3) / 2 * (green - blue)
    return torch.hypot(across, up), torch.rad2deg(torch.atan2(up, across)) % 360


def texture_energy(pictures: Tensor) -> Tensor:
    """[B,3,H,W] on [0,1] → [B] root mean square length of the gray picture's gradient (forward differences)."""
    gray = pictures.float().mean(dim=1)
    rows, columns = gray[:, 1:, :-1] - gray[:, :-1, :-1], gray[:, :-1, 1:] - gray[:, :-1, :-1]
    return (rows**2 + columns**2).mean(dim=(1, 2)).sqrt()


def label(pictures: Tensor) -> Tensor:
    """[B,3,H,W] on [0,1] → [B] class labels, positions in `LABELS`; flips and quarter turns hardly change them."""
    chroma, hue = mean_hue(pictures)
    green, blue = (hue >= WARM_TO_GREEN) & (hue < GREEN_TO_BLUE), (hue >= GREEN_TO_BLUE) & (hue < BLUE_TO_WARM)
    main = torch.where(green, 2, torch.where(blue, 3, 1))
    main = torch.where(chroma < NEUTRAL_CHROMA, 0, main)
    return main * len(TEXTURES) + (texture_energy(pictures) >= TEXTURED).long()
