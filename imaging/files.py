"""Picture files: read without losing anything silently, written whole or not at all."""

from __future__ import annotations

import os
import struct
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageOps
from torch import Tensor

from .level import DenoiseError
from .metadata import Metadata, read_metadata, save_arguments

FORMATS = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG", ".webp": "WEBP", ".tif": "TIFF", ".tiff": "TIFF"}
"""File name endings and the format they stand for."""
SUFFIXES = tuple(FORMATS)
READABLE = sorted(set(FORMATS.values()))
BROKEN = (OSError, SyntaxError, ValueError, TypeError, KeyError, IndexError, EOFError, struct.error, zlib.error)
"""What Pillow raises on damaged files."""
LOSSLESS_TIFF = ("raw", "tiff_lzw", "tiff_deflate", "tiff_adobe_deflate", "packbits")
QUALITY = 95


class PictureError(DenoiseError):
    """A picture file that cannot be read or written; the text names it, the problem and the way out."""


@dataclass(frozen=True)
class PictureInfo:
    """What a file says beside its pixels, so that the result can be written alike.

    gray: no colour. compression: how a TIFF was packed.
    """

    gray: bool = False
    compression: str | None = None
    metadata: Metadata = field(default_factory=Metadata)


def load_picture(path: str | os.PathLike[str]) -> tuple[Tensor, PictureInfo]:
    """Read a PNG, JPEG, WebP or TIFF of 8 bits per channel, turned upright.

    Returns:
        [1,H,W,C] float32 in [0,1] with C = 1 (gray), 3 or 4 (with alpha), and what else the file says.

    Raises:
        PictureError: not a picture, damaged, cut short, too large, deeper than 8 bits, animated, or not RGB or gray.
        OSError: missing or not readable.
    """
    path = Path(path)
    if path.is_dir():
        raise PictureError(f"'{path}' is a folder; name a picture inside it.")
    with path.open("rb") as file, warnings.catch_warnings():
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # only the larger limit refuses
        try:
            with Image.open(file, formats=READABLE) as opened:
                _check(opened, path)
                metadata = read_metadata(opened)
                upright = ImageOps.exif_transpose(opened)
                compression = opened.info.get("compression") if opened.format == "TIFF" else None
        except PictureError:
            raise
        except Image.UnidentifiedImageError:
            raise PictureError(f"'{path}' is no PNG, JPEG, WebP or TIFF picture; convert it first.") from None
        except Image.DecompressionBombError as error:
            limit = 2 * (Image.MAX_IMAGE_PIXELS or 0) // 10**6
            raise PictureError(f"'{path}' has more than {limit} million pixels; cut it into parts first.") from error
        except BROKEN as error:
            raise PictureError(f"'{path}' is damaged ({error}); get a whole copy of it.") from error
    gray = upright.mode in ("1", "L", "LA", "La")
    return _to_tensor(upright, gray), PictureInfo(gray, compression, metadata)


def _check(opened: Image.Image, path: Path) -> None:
    """Refuse everything of which 8-bit RGB or gray could only keep a part."""
    bits = bits_per_channel(opened)
    if bits > 8:
        raise PictureError(f"'{path}' has {bits} bits per channel, and only 8 are supported; convert it to 8 bits.")
    frames = getattr(opened, "n_frames", 1)
    if frames > 1 and opened.format != "MPO":  # an MPO is a photo with previews or a second view behind it
        raise PictureError(f"'{path}' holds {frames} pictures; split it into single ones first.")
    if opened.mode in ("CMYK", "LAB", "HSV"):
        raise PictureError(f"'{path}' is {opened.mode}; convert it to RGB or gray first.")


def bits_per_channel(opened: Image.Image) -> int:
    """Bits per channel of the file itself, which Pillow may reduce to 8 without a word."""
    if opened.format == "PNG":
        assert opened.fp is not None
        opened.fp.seek(24)
        return opened.fp.read(1)[0]
    if opened.format == "TIFF":
        depth = opened.tag_v2.get(258, 1)  # type: ignore[attr-defined]  # BitsPerSample
        return max(depth) if isinstance(depth, tuple) else int(depth)
    return {"I;16": 16, "I": 32, "F": 32}.get(opened.mode, 8)


def _to_tensor(picture: Image.Image, gray: bool) -> Tensor:
    transparent = "transparency" in picture.info or picture.mode in ("LA", "La", "PA", "RGBA", "RGBa")
    values = np.array(picture.convert("RGBA" if transparent else "L" if gray else "RGB"), np.float32)
    return torch.from_numpy(values).div_(255).reshape(1, picture.height, picture.width, -1)


def save_picture(
    image: Tensor, path: str | os.PathLike[str], info: PictureInfo | None = None, quality: int = QUALITY
) -> None:
    """Write [H,W,C] in [0,1] at 8 bits, rounded to the nearest level; the format follows from the file name.

    Args:
        quality: 1 to 100 for JPEG (never subsampled) and WebP (100 = lossless); PNG and TIFF are always lossless.

    Raises:
        PictureError: unknown ending, or transparency in a JPEG. OSError: the folder is missing or read-only.
    """
    path, info = Path(path), info or PictureInfo()
    file_format = FORMATS.get(path.suffix.lower())
    if file_format is None:
        raise PictureError(f"'{path}' ends in no known picture format; use {', '.join(FORMATS)}.")
    if image.shape[-1] == 4 and file_format == "JPEG":
        raise PictureError(f"'{path}' cannot hold transparency; use .png, .webp or .tif.")
    arguments = save_arguments(info.metadata, file_format)
    if file_format in ("JPEG", "WEBP"):
        arguments["quality"] = quality
    if file_format == "JPEG":
        arguments["subsampling"] = 0
    elif file_format == "WEBP":
        arguments |= {"lossless": quality == 100, "exact": True}  # exact: colours below full transparency too
    elif file_format == "TIFF":
        arguments["compression"] = info.compression if info.compression in LOSSLESS_TIFF else "tiff_deflate"
    picture = to_pillow(image, info.gray)
    with writing(path) as temporary:
        picture.save(temporary, format=file_format, **arguments)


def to_pillow(image: Tensor, gray: bool = False) -> Image.Image:
    """[H,W,C] in [0,1], C = 1, 3 or 4 → 8 bits, rounded: L, RGB or RGBA; LA when `gray` has alpha."""
    if gray and image.shape[-1] > 1:
        image = torch.cat([image[..., :3].float().mean(dim=-1, keepdim=True), image[..., 3:].float()], dim=-1)
    levels = image.float().clamp(0, 1).mul(255).round().to("cpu", torch.uint8).contiguous().numpy()
    mode = {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}[levels.shape[-1]]
    return Image.frombytes(mode, (levels.shape[1], levels.shape[0]), levels.tobytes())


@contextmanager
def writing(path: Path) -> Iterator[Path]:
    """A temporary file beside `path` that takes its place when the block succeeds, and vanishes when it fails."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        yield temporary
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
