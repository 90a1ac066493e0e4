"""Two pictures compared by eye: error heat map, signed difference, crops side by side at full resolution."""

from __future__ import annotations

from collections.abc import Sequence

import torch.nn.functional as F
from torch import Tensor

from .colour_map import heat
from .labelled_grid import labelled_grid
from .level import DenoiseError

SHARE_SHOWN = 0.995
"""Share of the pixels that the automatic scale of a heat map covers; the few beyond it take the lightest colour."""


def error_scale(reference: Tensor, image: Tensor) -> float:
    """The absolute error, on the [0,1] scale, that all but half a percent of the pixels stay below."""
    error = _error(reference, image).flatten()
    rank = min(error.numel() - 1, int(SHARE_SHOWN * error.numel()))
    return max(float(error.kthvalue(rank + 1).values), 1 / 255)


def error_map(reference: Tensor, image: Tensor, peak: float) -> Tensor:
    """Heat map of the absolute error: [B,H,W,C] twice → [B,H,W,3]; dark = 0, pale yellow = `peak` ([0,1] scale)."""
    if not peak > 0:
        raise DenoiseError(f"the scale of the error map must be above 0, got {peak:g}.")
    return heat(_error(reference, image) / peak)


def signed_difference(reference: Tensor, image: Tensor, gain: float) -> Tensor:
    """[B,H,W,C] twice → [B,H,W,C] 0.5 + gain·(image − reference), clipped: gray = equal, brighter = too bright."""
    return (0.5 + gain * (image - reference)).clamp(0, 1)


def _error(reference: Tensor, image: Tensor) -> Tensor:
    return (image - reference).abs().mean(dim=-1)


def crop_window(height: int, width: int, side: int, centre: tuple[float, float]) -> tuple[slice, slice]:
    """Rows and columns of a square window of `side` pixels (less where the picture is smaller), inside the picture.

    centre: (x, y) where its centre should lie, as shares of width and height (0..1).
    """
    spans = []
    for length, share in ((height, centre[1]), (width, centre[0])):
        extent = min(side, length)
        start = min(max(round(share * length - extent / 2), 0), length - extent)
        spans.append(slice(start, start + extent))
    return spans[0], spans[1]


def busiest_window(image: Tensor, side: int) -> tuple[float, float]:
    """(x, y) in 0..1: the centre of the square with the most fine detail in the first picture of [B,H,W,C]."""
    gray = image[0, ..., :3].float().mean(dim=-1)
    height, width = gray.shape
    if min(height, width) < 2:
        return 0.5, 0.5
    detail = gray.diff(dim=0)[:, 1:].abs() + gray.diff(dim=1)[1:].abs()
    window = [min(side, length) for length in detail.shape]
    step = [max(1, extent // 8) for extent in window]
    sums = F.avg_pool2d(detail[None], window, stride=step)[0]
    row, column = divmod(int(sums.argmax()), sums.shape[1])
    return (column * step[1] + window[1] / 2) / width, (row * step[0] + window[0] / 2) / height


def same_crops(
    pictures: Sequence[Tensor],
    labels: Sequence[str],
    side: int,
    centre: tuple[float, float],
    zoom: int = 1,
    columns: int = 0,
    dark: bool = True,
) -> Tensor:
    """The same window of several pictures beside each other, every pixel shown zoom×zoom, each with its label.

    Args:
        pictures: [B,H,W,C] each, all of one height and width; the first frame of each is shown.
        side: of the window, in pixels. centre: (x, y) as shares of width and height. columns: 0 = all in one row.

    Returns:
        [1,h,w,3] in [0,1].

    Raises:
        DenoiseError: sizes differ.
    """
    height, width = pictures[0].shape[1:3]
    for picture, label in zip(pictures, labels, strict=True):
        if picture.shape[1:3] != (height, width):
            raise DenoiseError(
                f"'{label}' is {picture.shape[2]}x{picture.shape[1]} pixels and '{labels[0]}' is {width}x{height}; "
                "scale them to one size first."
            )
    rows, across = crop_window(height, width, side, centre)
    crops = [picture[:1, rows, across, :3].clamp(0, 1).float() for picture in pictures]
    crops = [crop.repeat_interleave(zoom, 1).repeat_interleave(zoom, 2) for crop in crops]
    return labelled_grid(crops, labels, columns=columns or len(crops), dark=dark)
