"""What an encoder takes: pixel format, matrix and range of colours, sizes, and how finely it counts time."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from .deep_files import pyav
from .files import PictureError

RGB, BT709, BT601 = 0, 1, 5
"""Matrices between RGB and YUV, by FFmpeg's numbers."""
LIMITED_RANGE, FULL_RANGE = 1, 2
SAFE_LAYOUT, WHOLE_LAYOUT = "yuv420p", "bgr0"
"""The pixel format that every player knows, and the one that keeps every level of RGB."""
JPEGS, JPEG_LAYOUT = ("mjpeg",), "yuvj420p"
"""Encoders of JPEGs, which know one matrix and the full range alone."""
WHOLE_BLOCKS = ("libx264", "libx265")
"""Encoders that take no half sample of colour at the edge."""

COARSE_CLOCKS, COARSE_TICK = ("mpeg4",), Fraction(1, 60000)
"""Encoders that refuse the clock of a broadcast, 90 kHz, and what they get instead."""

Colours = tuple[int, int]
"""Matrix and range."""


def layout_for(encoder: str, wanted: str, known: list[str]) -> str:
    """The pixel format: the one that is wanted if the encoder has it, else what most players know, else its first."""
    if encoder in JPEGS:
        return JPEG_LAYOUT
    return next((layout for layout in (wanted, SAFE_LAYOUT) if layout in known or not known), [*known, wanted][0])


def colours_for(encoder: str, layout: str, source: Any = None) -> Colours | None:
    """What pixels in `layout` made of RGB are; None = as the frames of `source`, an opened picture track, say it."""
    if encoder in JPEGS:
        return BT601, FULL_RANGE
    rgb = source is None or source.codec_context.colorspace == RGB or pyav().VideoFormat(source.pix_fmt).is_rgb
    return (BT709, LIMITED_RANGE) if rgb and not pyav().VideoFormat(layout).is_rgb else None


def clock_for(encoder: str, tick: Fraction) -> Fraction:
    """The time base for frames dated in ticks of such a length; MPEG-4 counts the ticks of a second with 16 bits."""
    return max(tick, COARSE_TICK) if encoder in COARSE_CLOCKS else tick


def check_size(encoder: str, layout: str, size: tuple[int, int]) -> None:
    """Raise PictureError when the encoder takes no picture of this size (width, height)."""
    known, side = pyav().VideoFormat(layout), 16
    steps = (side // known.chroma_width(side), side // known.chroma_height(side))
    if encoder in WHOLE_BLOCKS and any(length % step for length, step in zip(size, steps, strict=True)):
        raise PictureError(
            f"codec '{encoder}' needs an even width and height, and these pictures have {size[0]} by {size[1]} pixels; "
            "write a .webm, or choose the codec ffv1 in an .mkv."
        )
