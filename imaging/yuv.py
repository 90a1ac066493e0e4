"""Between RGB and the planes of a video as ITU-T H.273 has it; FFmpeg's fast ways are up to four levels of 255 off."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

PLANAR = re.compile(r"yuv[aj]?4\d\dp(\d+le)?")
"""Pixel formats with planes of luma and two colour differences, and perhaps alpha, in the low bits of each sample."""
WEIGHTS = {1: (0.2126, 0.0722), 4: (0.30, 0.11), 7: (0.212, 0.087), 9: (0.2627, 0.0593), 10: (0.2627, 0.0593)}
"""Matrix, by FFmpeg's numbers → shares of red and blue in luma."""
BT601_WEIGHTS = (0.299, 0.114)
"""Also of a video that does not say its matrix, as FFmpeg has it."""
FULL = 2


def is_planar(layout: Any) -> bool:
    """Whether a pixel format of PyAV is one that this module knows."""
    return PLANAR.fullmatch(layout.name) is not None


def rgb_of(frame: Any) -> Tensor:
    """A decoded frame in such a format → [3,H,W] float32 in [0,1]; each sample of colour counts for its whole block."""
    scale, offset, chroma = _ranges(frame.format, frame.color_range)
    bits = frame.format.components[0].bits
    luma, blue, red = (_read(plane, bits) for plane in frame.planes[:3])
    of_red, of_blue = _weights(frame.colorspace)
    middle = 1 << (bits - 1)
    red.sub_(middle).mul_(2 * (1 - of_red) / chroma)
    blue.sub_(middle).mul_(2 * (1 - of_blue) / chroma)
    green = (of_red * red + of_blue * blue) / (of_red + of_blue - 1)
    blocks = [-(-whole // part) for whole, part in zip(luma.shape, red.shape, strict=True)]
    colour = F.interpolate(torch.stack([red, green, blue])[None], scale_factor=blocks, mode="nearest")[0]
    rgb = colour[:, : frame.height, : frame.width]
    return rgb.add_(luma.sub_(offset).div_(scale)).clamp_(0, 1)


def frame_with(av: Any, rgb: Tensor, layout: Any, matrix: int, extent: int) -> Any:
    """[3,H,W] in [0,1] → a frame in such a format, opaque, rounded once; matrix and extent by FFmpeg's numbers."""
    frame = av.VideoFrame(rgb.shape[2], rgb.shape[1], layout.name)
    frame.colorspace, frame.color_range = int(matrix), int(extent)
    scale, offset, chroma = _ranges(layout, extent)
    bits, (of_red, of_blue) = layout.components[0].bits, _weights(matrix)
    shares = (of_red, 1 - of_red - of_blue, of_blue)
    _fill(frame.planes[0], _mixed(rgb, [scale * share for share in shares]).add_(offset), bits)
    small, middle = _shrunk(rgb, frame.planes[1].height, frame.planes[1].width), 1 << (bits - 1)
    luma = _mixed(small, shares)
    for plane, colour, share in ((frame.planes[1], small[2], of_blue), (frame.planes[2], small[0], of_red)):
        _fill(plane, (colour - luma).mul_(chroma / (2 * (1 - share))).add_(middle), bits)
    for plane in frame.planes[3:]:
        _samples(plane, bits)[:] = (1 << bits) - 1
    return frame


def _mixed(rgb: Tensor, shares: Sequence[float]) -> Tensor:
    return (rgb[0] * shares[0]).add_(rgb[1], alpha=shares[1]).add_(rgb[2], alpha=shares[2])


def _ranges(layout: Any, extent: int) -> tuple[float, float, float]:
    """Levels from black to white, the level of black, and levels from one end of a colour difference to the other."""
    bits = layout.components[0].bits
    if extent == FULL or layout.name.startswith("yuvj"):
        return (1 << bits) - 1, 0, (1 << bits) - 1
    step = 1 << (bits - 8)
    return 219 * step, 16 * step, 224 * step


def _weights(matrix: int) -> tuple[float, float]:
    return WEIGHTS.get(int(matrix), BT601_WEIGHTS)


def _samples(plane: Any, bits: int) -> np.ndarray:
    """The plane's own memory, [height,width]; rows are longer than the picture is wide."""
    kind = np.dtype("u1" if bits <= 8 else "<u2")
    return np.frombuffer(plane, kind).reshape(plane.height, plane.line_size // kind.itemsize)[:, : plane.width]


def _read(plane: Any, bits: int) -> Tensor:
    return torch.from_numpy(_samples(plane, bits).astype(np.float32))


def _fill(plane: Any, levels: Tensor, bits: int) -> None:
    _samples(plane, bits)[:] = levels.round_().clamp_(0, (1 << bits) - 1).numpy()


def _shrunk(rgb: Tensor, height: int, width: int) -> Tensor:
    """[3,H,W] → [3,height,width], the mean of every block: what was grown comes back as it was."""
    down, across = -(-rgb.shape[1] // height), -(-rgb.shape[2] // width)
    missing = (0, across * width - rgb.shape[2], 0, down * height - rgb.shape[1])
    whole = F.pad(rgb[None], missing, "replicate") if any(missing) else rgb[None]
    return F.avg_pool2d(whole, (down, across))[0]
