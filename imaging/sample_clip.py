"""A short clip made of the sample photographs: the camera pans by fractions of a pixel, a disc crosses the picture."""

from __future__ import annotations

import math
from collections.abc import Iterator
from fractions import Fraction

import torch
from torch import Tensor

from .motion import pixel_grid, sample
from .sample_photos import CREDITS, load_sample

WIDTH, HEIGHT = 320, 240
RATE = Fraction(12)
PAN = (-0.35, 1.4)
"""Rows and columns per frame that the camera moves."""
RADIUS, CROSSING, SWING = 36.0, 7.5, 40.0
"""Of the disc, in pixels: its size, its way to the right per frame, and how far it goes up and down."""
FOCUS = 0.38
"""Share of the other photograph's height and width where the middle of the disc is: an eye of the cat."""
LONGEST_WAY = 60.0
"""The camera turns back after so many columns, or it would leave the smallest photograph."""


def clip_frames(picture: str, count: int) -> Iterator[Tensor]:
    """`count` clean frames [1,240,320,3] in [0,1]. Raises KeyError for an unknown photograph."""
    background = load_sample(picture).movedim(-1, 1)
    disc = load_sample(next(name for name in CREDITS if name != picture)).movedim(-1, 1)
    grid = pixel_grid(torch.empty(1, 1, HEIGHT, WIDTH))
    for number in range(count):
        way = _there_and_back(PAN[1] * number)
        start = _start(background) + torch.tensor([PAN[0] / PAN[1] * way, way]).view(1, 2, 1, 1)
        frame = sample(background, grid + start, "bicubic")
        row = HEIGHT / 2 + SWING * math.sin(0.4 * number)
        column = (RADIUS + CROSSING * number) % (WIDTH + 2 * RADIUS) - RADIUS
        away = ((grid[:, :1] - row).square() + (grid[:, 1:] - column).square()).sqrt()
        cover = (RADIUS - away + 0.5).clamp(0, 1)
        middle = FOCUS * torch.tensor(disc.shape[-2:]).view(1, 2, 1, 1)
        content = sample(disc, grid - torch.tensor([row, column]).view(1, 2, 1, 1) + middle, "bicubic")
        yield (frame * (1 - cover) + content * cover).clamp(0, 1).movedim(1, -1)


def _there_and_back(way: float) -> float:
    return LONGEST_WAY - abs(way % (2 * LONGEST_WAY) - LONGEST_WAY)


def _start(background: Tensor) -> Tensor:
    """Upper left corner of the first frame: the whole way lies in the middle of the photograph."""
    room = [background.shape[-2] - HEIGHT, background.shape[-1] - WIDTH - LONGEST_WAY]
    drop = -PAN[0] / PAN[1] * LONGEST_WAY
    return torch.tensor([(room[0] + drop) / 2, room[1] / 2]).view(1, 2, 1, 1)
