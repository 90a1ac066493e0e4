"""What a JPEG and a WebP cannot hold, known before anything is written."""

from __future__ import annotations

from .metadata import EXIF_HEADER, Metadata

LARGEST_SIDES = {"JPEG": 65500, "WEBP": 16383}
"""Pixels that libjpeg and libwebp write."""
JPEG_BLOCK = 65533
"""Bytes of camera data, or of XMP behind its name, in one segment (ITU-T T.81, B.1.1.4)."""
XMP_NAME = 29


def beyond(file_format: str, height: int, width: int, metadata: Metadata) -> str | None:
    """What is too large for the format, and what to do; None when all fits."""
    side = LARGEST_SIDES.get(file_format)
    if side is not None and max(height, width) > side:
        return f"cannot hold {width} by {height} pixels, at most {side} a side; use .png or .tif"
    blocks = {"camera data": (metadata.exif, len(EXIF_HEADER)), "XMP": (metadata.xmp, XMP_NAME)}
    for name, (block, head) in blocks.items():
        if file_format == "JPEG" and block and len(block) + head > JPEG_BLOCK:
            return f"cannot hold {len(block) / 1024:.0f} KiB of {name}, below 64 KiB at most; use .png, .webp or .tif"
    return None
