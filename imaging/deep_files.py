"""Pixels of more than 8 bits: 16-bit PNG and TIFF, and floating-point EXR, through PyAV.

Pillow reads 16-bit colour as 8 bits and does not know EXR.
"""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from .exr import check_exr
from .level import DenoiseError
from .metadata import Metadata
from .tiff import FAST, tiff_bytes
from .tiff_layout import only_strips

DECODERS = {b"\x89PNG": "png_pipe", b"II*\0": "tiff_pipe", b"MM\0*": "tiff_pipe", b"v/1\x01": "exr_pipe"}
"""First bytes of a file and what reads it."""
LAYOUTS = {1: "gray16le", 3: "rgb48le", 4: "rgba64le"}
PNG_LAYOUTS = {1: "gray16be", 2: "ya16be", 3: "rgb48be", 4: "rgba64be"}

ROWS = 256
METRES_PER_INCH, PER_METRE = 0.0254, 1
"""For the resolution of a PNG, and how it names its unit."""


def pyav() -> Any:
    """The library. Raises DenoiseError when it is not installed."""
    try:
        import av
    except ImportError as error:
        raise DenoiseError(
            "pictures of more than 8 bits and videos need PyAV; install it with: pip install av"
        ) from error
    return av


def read_deep(path: Path) -> tuple[Tensor, bool]:
    """A 16-bit PNG or TIFF, or an EXR → [1,H,W,C] float32, C = 1, 3 or 4, and whether it is gray.

    Integers in [0,1], floats as they are; alpha is straight; gray with alpha gets C = 4.

    Raises:
        DenoiseError: PyAV is missing, or the file is damaged, of a kind it does not know, or holds more than that.
    """
    av, content, premultiplied = pyav(), path.read_bytes(), False
    if content[:4] not in DECODERS:
        raise DenoiseError(f"'{path}' is no PNG, TIFF or EXR picture; convert it first.")
    kind = DECODERS[content[:4]]
    if kind == "exr_pipe":
        check_exr(content, path)
    elif kind == "tiff_pipe":
        content, premultiplied = only_strips(content, path)
    frame = _decoded(av, content, kind, path)
    name = frame.format.name
    image = _floats(frame) if "f32" in name or "f16" in name else _levels(frame)
    if premultiplied and image.shape[-1] == 4:
        image[..., :3] = torch.where(image[..., 3:] > 0, image[..., :3] / image[..., 3:], 0).clamp(max=1)
    return image, name.startswith(("gray", "ya"))


def _decoded(av: Any, content: bytes, kind: str, path: Path) -> Any:
    try:
        with av.open(io.BytesIO(content), format=kind) as container:
            stream, limit = container.streams.video[0], 2 * (Image.MAX_IMAGE_PIXELS or 0)  # what Pillow refuses too
            if limit and stream.width * stream.height > limit:
                raise DenoiseError(f"'{path}' has more than {limit // 10**6} million pixels; cut it into parts first.")
            if kind == "tiff_pipe":  # or a damaged strip would be black without a word
                stream.codec_context.options = {"err_detect": "explode"}
            return next(container.decode(video=0))
    except (av.error.FFmpegError, StopIteration) as error:
        raise DenoiseError(f"'{path}' is damaged or of an unusual kind ({error}); save it again.") from error


def _levels(frame: Any) -> Tensor:
    name = frame.format.name
    channels = 4 if name.startswith(("rgba", "ya", "gbra")) else 1 if name.startswith("gray") else 3
    levels = frame.to_ndarray(format=LAYOUTS[channels]).astype(np.float32)
    levels /= 65535
    return torch.from_numpy(levels.reshape(1, frame.height, frame.width, channels))


def _floats(frame: Any) -> Tensor:
    name, height, width = frame.format.name, frame.height, frame.width
    if name.startswith("ya"):  # FFmpeg aborts the whole process when it is asked to convert this
        rows = np.frombuffer(frame.planes[0], "<f4" if "f32" in name else "<f2").reshape(height, -1)
        pairs = torch.from_numpy(rows[:, : 2 * width].astype(np.float32)).reshape(1, height, width, 2)
        return pairs[..., [0, 0, 0, 1]]
    planes = 1 if name.startswith("gray") else len(frame.format.components)
    wanted = {1: "grayf32le", 3: "gbrpf32le", 4: "gbrapf32le"}[planes]
    values = np.asarray(frame.to_ndarray(format=wanted), np.float32)
    return torch.from_numpy(np.ascontiguousarray(values).reshape(1, height, width, planes))


def deep_bytes(image: Tensor, suffix: str, metadata: Metadata) -> bytes:
    """[H,W,C], C = 1, 3, 4, or 2 (gray with alpha, PNG) → a file: 16 bits in [0,1], rounded; an EXR as it is."""
    if suffix == ".exr":
        planes = {1: "grayf32le", 3: "gbrpf32le", 4: "gbrapf32le"}[image.shape[-1]]
        return _encode("exr", image.float().cpu().contiguous().numpy(), planes)
    levels = np.empty(image.shape, np.uint16)
    for rows, target in zip(image.split(ROWS), np.split(levels, range(ROWS, len(levels), ROWS)), strict=True):
        target[:] = rows.double().clamp(0, 1).mul_(65535).round_().cpu().numpy()  # no second picture of doubles
    if suffix in (".tif", ".tiff"):
        return tiff_bytes(levels, metadata)
    return _with_chunks(_encode("png", levels, PNG_LAYOUTS[image.shape[-1]]), metadata)


def _encode(codec: str, values: np.ndarray, layout: str) -> bytes:
    av = pyav()
    from fractions import Fraction

    height, width, channels = values.shape
    if channels == 2:  # PyAV takes no such array
        frame = av.VideoFrame(width, height, layout)
        rows = np.zeros((height, frame.planes[0].line_size // 2), ">u2")
        rows[:, : 2 * width] = values.reshape(height, -1)
        frame.planes[0].update(rows)
    else:
        frame = av.VideoFrame.from_ndarray(values[..., 0] if channels == 1 else values, format=layout)
    encoder = av.CodecContext.create(codec, "w")
    encoder.width, encoder.height, encoder.pix_fmt, encoder.time_base = width, height, layout, Fraction(1, 1)
    if codec == "png":
        encoder.options = {"compression_level": str(FAST)}
    return b"".join(bytes(packet) for packet in [*encoder.encode(frame), *encoder.encode(None)])


def _with_chunks(png: bytes, metadata: Metadata) -> bytes:
    """A PNG with resolution, colour profile, EXIF, XMP and texts behind its header."""
    header_end = 8 + 12 + 13  # signature, and the IHDR chunk
    chunks = b""
    if metadata.dpi:
        across, down = (round(dots / METRES_PER_INCH) for dots in metadata.dpi)
        chunks += _chunk(b"pHYs", struct.pack(">IIB", across, down, PER_METRE))
    if metadata.icc:
        chunks += _chunk(b"iCCP", b"profile\0\0" + zlib.compress(metadata.icc))
    if metadata.exif:
        chunks += _chunk(b"eXIf", metadata.exif)
    if metadata.xmp:
        chunks += _chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + metadata.xmp)
    for key, value in metadata.text.items():
        chunks += _chunk(b"iTXt", key.encode("latin-1", "replace") + b"\0\0\0\0\0" + value.encode())
    return png[:header_end] + chunks + _without_resolution(png[header_end:])


def _without_resolution(chunks: bytes) -> bytes:
    """Chunks of a PNG less any pHYs before the pixels: FFmpeg always writes one, of 0 by 1, and two are not allowed."""
    kept, position = b"", 0
    while (kind := chunks[position + 4 : position + 8]) not in (b"IDAT", b""):
        end = position + 12 + struct.unpack_from(">I", chunks, position)[0]
        kept += b"" if kind == b"pHYs" else chunks[position:end]
        position = end
    return kept + chunks[position:]


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
