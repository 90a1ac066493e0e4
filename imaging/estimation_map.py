"""Where a picture is how noisy: a map of sigma."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from .estimation import (
    NoiseMeasurement,
    frames_of,
    measure_noise,
    measured_planes,
    patches_of,
    space_of,
)
from .estimation_pca import NoiseSpace, sigma_of_median
from .patches import Patches

SPACING = 4
"""The map is measured at about a quarter of its window and interpolated between."""


def estimate_sigma_map(image: Tensor, window: int = 48, measured: Sequence[NoiseMeasurement] | None = None) -> Tensor:
    """[B,C,H,W] on the [0,1] scale → [B,1,H,W] local standard deviation of the noise, on the image's device.

    Each patch's noise is what it holds in the directions that the picture as a whole does not use; the map is the
    median over a window, so that single edges do not show. Where neighbours share their noise, the map is scaled as
    `estimate_sigma` is.

    Args:
        window: side of the square that a value is measured on, in pixels: smaller is finer and more uncertain.
        measured: what `measure_noise` has said of the frames, if it has been asked before.

    Raises:
        ValueError: window below 8.
    """
    if window < 8:
        raise ValueError(f"window must be at least 8 pixels, got {window}.")
    frames = frames_of(image)
    known = [None] * len(frames) if measured is None else measured
    maps = [_frame(frame, window, whole) for frame, whole in zip(frames, known, strict=True)]
    return torch.stack(maps).to(image.device)


def _frame(frame: Tensor, window: int, whole: NoiseMeasurement | None) -> Tensor:
    """[C,H,W] → [1,H,W]."""
    whole = whole or measure_noise(frame[None])[0]
    patches = patches_of(measured_planes(frame, whole))
    if patches is None:
        return torch.full((1, *frame.shape[-2:]), whole.sigma)
    local, centres = _local_sigma(space_of(patches), patches, window)
    if whole.correlated and whole.white > 0:
        local = local * (whole.sigma / whole.white)
    return _between(local, centres, frame.shape[-2:])


def _local_sigma(space: NoiseSpace, patches: Patches, window: int) -> tuple[Tensor, list[Tensor]]:
    """Square root of the windowed median of the patches' energies, on a coarse grid, and the grid's rows and columns.

    Rows and columns are those of the windows' centres in pixels of the picture.
    """
    energy = space.energy.view(1, 1, *patches.grid)
    sides = [max(1, round(window / step)) for step in patches.steps]
    sides = [min(side, count) | 1 for side, count in zip(sides, patches.grid, strict=True)]  # odd, so with a middle
    strides = [max(1, side // SPACING) for side in sides]
    pads = [side // 2 for side in sides]
    padded = F.pad(energy, (pads[1], pads[1], pads[0], pads[0]), mode="replicate")
    windows = padded.unfold(2, sides[0], strides[0]).unfold(3, sides[1], strides[1])
    median = windows.flatten(-2).median(dim=-1).values[0, 0]
    centres = [
        (patches.side - 1) / 2 + step * stride * torch.arange(count)
        for step, stride, count in zip(patches.steps, strides, median.shape, strict=True)
    ]
    return sigma_of_median(median, space.squares.shape[1]), centres


def _between(values: Tensor, centres: list[Tensor], size: torch.Size) -> Tensor:
    """[h,w] known at these rows and columns → [1,*size], linear between them and constant beyond."""
    places = []
    for known, length in zip(centres, size, strict=True):
        step = float(known[1] - known[0]) if len(known) > 1 else 1.0
        index = ((torch.arange(length) - known[0]) / step).clamp(0, len(known) - 1)
        places.append(2 * index / max(1, len(known) - 1) - 1)  # −1 and 1 are the first and the last
    rows, columns = torch.meshgrid(*places, indexing="ij")
    grid = torch.stack([columns, rows], dim=-1)[None]
    return F.grid_sample(values[None, None], grid, "bilinear", "border", align_corners=True)[0]
