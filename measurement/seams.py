"""Do tiles leave a trace? The same picture denoised whole and in tiles."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ..imaging.level import Level, Sigma
from ..imaging.tiling import plan, round_up
from ..models.contract import Denoiser
from ..models.network_denoiser import SMALLEST_TILE, NetworkDenoiser
from ..monitor import Monitor

BAND = 4
"""Pixels on either side of a seam that count as its neighbourhood."""
EXACT, INVISIBLE = 1e-4, 0.5 / 255


@dataclass(frozen=True)
class SeamReport:
    """whole, tiled: the two results [1,C,H,W]. seams: [H,W] True within BAND pixels of a seam.

    tiles: how many. side, halo: of a tile, in pixels.
    """

    whole: Tensor
    tiled: Tensor
    seams: Tensor
    tiles: int
    side: int
    halo: int

    @property
    def error(self) -> Tensor:
        """[H,W] absolute difference, [0,1] scale, the largest over the planes."""
        return (self.whole - self.tiled).abs()[0].amax(dim=0)

    def verdict(self) -> str:
        """One line of plain words."""
        if self.tiles == 1:
            return "one tile: there is no seam to look at"
        largest = float(self.error.max())
        words = "no seam" if largest < EXACT else "invisible in 8 bit" if largest < INVISIBLE else "seams are possible"
        return f"{words}: largest difference {255 * largest:.2g}/255"

    def lines(self) -> list[str]:
        """The verdict, and the error at the seams against elsewhere, on the 0–255 scale."""
        if self.tiles == 1:
            return [self.verdict()]
        error = 255 * self.error
        near, far = error[self.seams], error[~self.seams]
        rest = f", elsewhere {far.mean():.2g}" if far.numel() else ""
        height, width = error.shape
        covered = max(height, width) <= self.side + self.halo
        hint = ["every tile with its halo covers the whole crop: make the crop larger"] if covered else []
        return [
            self.verdict(),
            *hint,
            f"{self.tiles} tiles of {self.side} px, halo {self.halo} px",
            f"mean difference within {BAND} px of seams {near.mean():.2g}{rest} (of 255)",
        ]


def compare_tiles(
    denoiser: Denoiser, image: Tensor, sigma: Sigma = None, tile: int = 0, monitor: Monitor | None = None
) -> SeamReport:
    """Denoise [1,C,H,W] once whole and once in tiles of side `tile` (0 = the denoiser's own, else half of the picture).

    A picture that fits into one tile, and a denoiser that is not a single network and so cannot be told how to tile,
    give a report of one tile.
    """
    monitor = monitor or Monitor()
    height, width = image.shape[-2:]
    tile = max(tile or getattr(denoiser, "tile", 0) or min(height, width) // 2, SMALLEST_TILE)
    if not isinstance(denoiser, NetworkDenoiser) or tile >= max(height, width):
        whole = denoiser(image, Level(sigma), monitor)
        return SeamReport(whole, whole, torch.zeros(height, width, dtype=torch.bool), 1, tile, 0)
    whole = denoiser.tiled(max(height, width))(image, Level(sigma), monitor.part(0, 2))
    tiled = denoiser.tiled(tile)(image, Level(sigma), monitor.part(1, 2))
    halo = int(str(monitor.notes.get("halo", 0)))
    tiles = plan(height, width, tile, halo, denoiser.spec.multiple)
    seams = torch.zeros(height, width, dtype=torch.bool)
    for piece in tiles:
        top, left = piece.rows.start, piece.columns.start
        if top:
            seams[max(0, top - BAND) : top + BAND] = True
        if left:
            seams[:, max(0, left - BAND) : left + BAND] = True
    side, halo = (round_up(length, denoiser.spec.multiple) for length in (tile, halo))  # as `plan` has rounded them
    return SeamReport(whole, tiled, seams, len(tiles), side, halo)
