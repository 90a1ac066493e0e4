"""Noise of any spectrum, read off the flattest places of a picture: what white-noise estimates miss."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from .patches import cosine_basis, cut, drawn_share, photographed

SIDE = 8
LIMIT = 40_000
FLATTEST = 0.03
FEWEST = 50
LOW, HIGH = 4, 9
"""Frequencies u + v up to LOW count as low, from HIGH on as high."""
DARKEST, BRIGHTEST = 0.03, 0.97
"""Mean values beyond which black or white may have cut the noise off."""


@dataclass(frozen=True)
class FlatAreas:
    """sigma: root mean square of everything but the mean in flat 8×8 blocks, [0,1] scale; texture only adds to it.
    tilt: low over high frequencies there; 1 for white noise, more for correlated noise or remaining texture.
    """

    sigma: float
    tilt: float


def flat_areas(frame: Tensor, even: Tensor) -> FlatAreas | None:
    """Noise of [C,H,W] where it is flat; None when the picture has too few blocks in the middle tones.

    even: its `areas_of_one_value`, which hold no noise.

    Blocks are chosen by one half of their low frequencies and measured by the other, then the other way round, so
    that choosing does not bias the measurement (Ponomarenko's method as analysed by Colom & Buades 2013).
    """
    if min(frame.shape[-2:]) < SIDE:
        return None
    patches = cut(frame, SIDE, LIMIT)
    usable = ((patches.means > DARKEST) & (patches.means < BRIGHTEST)).all(dim=1)
    usable[usable.clone()] = photographed(drawn_share(even, patches)[usable], FEWEST)
    power = (patches.values[usable] @ cosine_basis(SIDE).T).square().sum(dim=1)
    if len(power) < FEWEST:
        return None
    low, high, odd = _bands()
    count = min(len(power), max(FEWEST, int(FLATTEST * len(power))))
    planes, tally = frame.shape[0], torch.zeros(3)
    for choosing, measuring in ((low & odd, low & ~odd), (low & ~odd, low & odd)):
        flat = power[power[:, choosing].sum(dim=1).topk(count, largest=False).indices] / planes
        rest = ~choosing
        rest[0] = False
        tally += torch.stack([flat[:, rest].mean(), flat[:, measuring].mean(), flat[:, high].mean()]) / 2
    total, coarse, fine = tally.tolist()
    return FlatAreas(total**0.5, (coarse / fine) ** 0.5 if fine > 0 else float("inf"))


def _bands() -> tuple[Tensor, Tensor, Tensor]:
    """[64] masks of low and high frequencies, and a chequerboard."""
    u, v = torch.arange(SIDE)[:, None], torch.arange(SIDE)[None, :]
    order = (u + v).flatten()
    return (order >= 1) & (order <= LOW), order >= HIGH, ((u + 2 * v) % 2 == 1).flatten()
