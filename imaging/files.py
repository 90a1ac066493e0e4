"""Picture files: read without losing anything silently, written whole or not at all."""

from __future__ import annotations

import io
import os
import secrets
import struct
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path, PureWindowsPath

import numpy as np
import torch
from PIL import Image, ImageOps
from torch import Tensor

from .deep_files import deep_bytes, read_deep
from .level import DenoiseError
from .limits import beyond
from .metadata import ORIENTATION, Metadata, adopt_exif, read_metadata, save_arguments
from .tiff import tiff_bytes
from .tiff_layout import drops_a_channel, with_alpha

FORMATS = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG", ".webp": "WEBP", ".tif": "TIFF", ".tiff": "TIFF"}
"""File name endings and the format they stand for."""
FLOATING = ".exr"
SUFFIXES = (*FORMATS, FLOATING)
READABLE = sorted(set(FORMATS.values()))
DEEP = (".png", ".tif", ".tiff")
"""Formats that hold 16 bits per channel."""
BROKEN = (OSError, SyntaxError, ValueError, TypeError, KeyError, IndexError, EOFError, struct.error, zlib.error)
"""What Pillow raises on damaged files."""
QUALITY = 95
ROWS = 256


class PictureError(DenoiseError):
    """A picture file that cannot be read or written; the text names it, the problem and the way out."""


@dataclass(frozen=True)
class PictureInfo:
    """What a file says beside its pixels, so that the result can be written alike.

    gray: no colour. bits: per channel, 32 = floating point. scale: what the values were divided by to fit into [0,1].
    suffix: the ending of its name.
    """

    suffix: str = ".png"
    gray: bool = False
    bits: int = 8
    scale: float = 1.0
    metadata: Metadata = field(default_factory=Metadata)


def load_picture(path: str | os.PathLike[str]) -> tuple[Tensor, PictureInfo]:
    """Read a PNG or TIFF of 8 or 16 bits per channel, a JPEG, a WebP or an EXR, turned upright.

    Returns:
        [1,H,W,C] float32 with C = 1 (gray), 3 or 4 (with alpha), and what else the file says. In [0,1]; an EXR that
        is brighter is divided by its maximum, `info.scale`, and may hold negative values.

    Raises:
        PictureError: not a picture, damaged, cut short, too large, deeper than that, animated, or not RGB or gray;
            or PyAV is missing, which reads more than 8 bits. OSError: missing or not readable.
    """
    path = Path(path)
    if path.is_dir():
        raise PictureError(f"'{path}' is a folder; name a picture inside it.")
    if path.suffix.lower() == FLOATING:
        return _load_floating(path)
    with path.open("rb") as file, warnings.catch_warnings():
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # only the larger limit refuses
        try:
            with Image.open(file, formats=READABLE) as opened:
                return _load_opened(opened, path)
        except DenoiseError:
            raise
        except Image.UnidentifiedImageError:
            raise PictureError(_unknown(path)) from None
        except Image.DecompressionBombError as error:
            limit = 2 * (Image.MAX_IMAGE_PIXELS or 0) // 10**6
            raise PictureError(f"'{path}' has more than {limit} million pixels; cut it into parts first.") from error
        except BROKEN as error:
            raise PictureError(f"'{path}' is damaged ({error}); get a whole copy of it.") from error


def _unknown(path: Path) -> str:
    """What to say of a file that Pillow does not know."""
    with path.open("rb") as file:
        start = file.read(4)
    if start in (b"II*\0", b"MM\0*"):
        return (
            f"'{path}' is a TIFF of a kind that is not read (colours of 32 bits, perhaps) or damaged; convert it to 16 "
            "bits, or to EXR."
        )
    if start.startswith(b"#?"):
        return f"'{path}' is a Radiance picture, which is not read; convert it to EXR."
    return f"'{path}' is no PNG, JPEG, WebP, TIFF or EXR picture; convert it first."


def _load_opened(opened: Image.Image, path: Path) -> tuple[Tensor, PictureInfo]:
    bits = _check(opened, path)
    adopt_exif(opened)
    metadata = read_metadata(opened)
    if bits == 16:
        stored, gray = read_deep(path)
        image = turn(stored, opened.getexif().get(ORIENTATION, 1))
        return image, PictureInfo(path.suffix.lower(), gray, bits, metadata=metadata)
    upright = ImageOps.exif_transpose(with_alpha(path) if drops_a_channel(opened) else opened)
    gray = upright.mode in ("1", "L", "LA", "La")
    return _to_tensor(upright, gray), PictureInfo(path.suffix.lower(), gray, metadata=metadata)


def _load_floating(path: Path) -> tuple[Tensor, PictureInfo]:
    image, gray = read_deep(path)
    if not torch.isfinite(image).all():
        raise PictureError(f"'{path}' contains NaN or infinity; repair it first.")
    scale = max(1.0, float(image[..., :3].max()))
    image[..., :3] /= scale
    return image, PictureInfo(FLOATING, gray, bits=32, scale=scale)


def turn(image: Tensor, orientation: int) -> Tensor:
    """[1,H,W,C] as stored → upright, by the EXIF orientation 1 to 8; anything else changes nothing."""
    if orientation in (5, 6, 7, 8):
        image = image.transpose(1, 2)
    axes = {2: (2,), 3: (1, 2), 4: (1,), 6: (2,), 7: (1, 2), 8: (1,)}.get(orientation)
    return (image.flip(axes) if axes else image).contiguous()


def _check(opened: Image.Image, path: Path) -> int:
    """Bits per channel, 8 or 16; refuses everything of which RGB or gray could only keep a part."""
    bits = bits_per_channel(opened, path)
    if bits > 8 and bits != 16:
        raise PictureError(f"'{path}' has {bits} bits per channel; convert it to 16 bits, or to EXR.")
    frames = getattr(opened, "n_frames", 1)
    if frames > 1 and opened.format != "MPO":  # an MPO is a photo with previews or a second view behind it
        raise PictureError(f"'{path}' holds {frames} pictures; split it into single ones first.")
    if opened.mode in ("CMYK", "LAB", "HSV"):
        raise PictureError(f"'{path}' is {opened.mode}; convert it to RGB or gray first.")
    return 16 if bits == 16 else 8


def bits_per_channel(opened: Image.Image, path: Path) -> int:
    """Bits per channel of the file itself, which Pillow may reduce to 8 without a word."""
    if opened.format == "PNG":
        with path.open("rb") as file:
            return file.read(25)[24]  # in the header chunk
    if opened.format == "TIFF":
        depth = opened.tag_v2.get(258, 1)  # type: ignore[attr-defined]  # BitsPerSample
        return max(depth) if isinstance(depth, tuple) else int(depth)
    return {"I;16": 16, "I": 32, "F": 32}.get(opened.mode, 8)


def _to_tensor(picture: Image.Image, gray: bool) -> Tensor:
    transparent = "transparency" in picture.info or picture.mode in ("LA", "La", "PA", "RGBA", "RGBa")
    picture = picture.convert("LA") if picture.mode == "La" else picture  # the only way out of that mode
    values = np.array(picture.convert("RGBA" if transparent else "L" if gray else "RGB"), np.float32)
    return torch.from_numpy(values).div_(255).reshape(1, picture.height, picture.width, -1)


def save_picture(
    image: Tensor, path: str | os.PathLike[str], info: PictureInfo | None = None, quality: int = QUALITY
) -> None:
    """Write [H,W,C] in [0,1] times `info.scale`, rounded to the nearest level; the format follows from the file name.

    PNG and TIFF get 16 bits per channel if `info.bits` is above 8, EXR is floating point, all others have 8 bits. What
    the scale lifts above 1 is cut off at 8 and at 16 bits alike; an EXR keeps it.

    Args:
        quality: 1 to 100 for JPEG (never subsampled) and WebP (100 = lossless); the others are always lossless.

    Raises:
        PictureError: unknown ending, transparency in a JPEG, a side or camera data too large for a JPEG or WebP, or
            PyAV is missing, which writes 16-bit PNG and EXR.
        OSError: the folder is missing or read-only.
    """
    path, info = Path(path), info or PictureInfo()
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        raise PictureError(f"'{path}' ends in no known picture format; use {', '.join(SUFFIXES)}.")
    if image.shape[-1] == 4 and FORMATS.get(suffix) == "JPEG":
        raise PictureError(f"'{path}' cannot hold transparency; use .png, .webp or .tif.")
    problem = beyond(FORMATS.get(suffix, ""), image.shape[0], image.shape[1], info.metadata)
    if problem is not None:
        raise PictureError(f"'{path}' {problem}.")
    if info.scale != 1:  # all other pictures are spared the copy
        image = torch.cat([image[..., :3] * info.scale, image[..., 3:]], dim=-1)
    if suffix == FLOATING or (suffix in DEEP and info.bits > 8):
        keeps_gray = image.shape[-1] == 3 or suffix == ".png"  # Pillow and FFmpeg know no other gray with alpha
        image = as_gray(image) if info.gray and image.shape[-1] > 1 and keeps_gray else image
        content = deep_bytes(image, suffix, info.metadata)
    elif FORMATS[suffix] == "TIFF":
        content = tiff_bytes(np.asarray(to_pillow(image, info.gray)).reshape(*image.shape[:2], -1), info.metadata)
    else:
        content = _encoded(to_pillow(image, info.gray), FORMATS[suffix], info.metadata, quality)
    with writing(path) as temporary:
        temporary.write_bytes(content)


def _encoded(picture: Image.Image, file_format: str, metadata: Metadata, quality: int) -> bytes:
    arguments = save_arguments(metadata, file_format)
    if file_format == "JPEG":
        arguments |= {"quality": quality, "subsampling": 0}
    elif file_format == "WEBP":  # exact: colours below full transparency too
        arguments |= {"quality": quality, "lossless": quality == 100, "exact": True}
    content = io.BytesIO()
    picture.save(content, format=file_format, **arguments)
    return content.getvalue()


def to_pillow(image: Tensor, gray: bool = False) -> Image.Image:
    """[H,W,C] in [0,1], C = 1, 3 or 4 → 8 bits, rounded: L, RGB or RGBA; LA when `gray` has alpha."""
    blocks = ((as_gray(rows) if gray else rows).float() for rows in image.split(ROWS))  # no second picture of floats
    levels = torch.cat([rows.clamp(0, 1).mul_(255).round_().to("cpu", torch.uint8) for rows in blocks]).numpy()
    mode = {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}[levels.shape[-1]]
    return Image.frombytes(mode, (levels.shape[1], levels.shape[0]), levels.tobytes())


def as_gray(image: Tensor) -> Tensor:
    """[…,1, 3 or 4] → […,1 or 2]: the mean of the colours, and alpha if there is one."""
    return torch.cat([image[..., :3].float().mean(dim=-1, keepdim=True), image[..., 3:].float()], dim=-1)


def inside(root: Path, name: str) -> Path:
    """A file below a folder, by a name that means the same on every system; links in the folder are followed.

    Raises:
        PictureError: the name leads out of the folder ('..'), is absolute, or names a drive or a network share.
    """
    spelled = PureWindowsPath(name)  # knows drives and shares, and both kinds of slash
    if "\0" in name or ".." in spelled.parts or spelled.anchor:
        raise PictureError(f"'{name}' leads out of the folder {root.name}; use a name inside it.")
    return root.resolve() / name


def next_number(first: Path) -> int:
    """The number behind the highest in files like `first`_00001_.png of its folder; 1 when there is none."""
    start = f"{first.name}_"
    found = first.parent.iterdir() if first.parent.is_dir() else ()
    taken = (path.name[len(start) :].split("_")[0] for path in found if path.name.startswith(start))
    return max((int(number) for number in taken if number.isdecimal()), default=0) + 1


@contextmanager
def writing(path: Path) -> Iterator[Path]:
    """A temporary file beside `path` that takes its place when the block succeeds, and vanishes when it fails.

    The folder is made if it does not exist. The temporary name is short, so that it fits wherever the name of `path`
    does; system errors name `path`.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{secrets.token_hex(4)}.part")
    try:
        yield temporary
        temporary.replace(path)
    except OSError as error:
        if str(error.filename) == str(temporary):  # which would tell nobody what could not be written
            error.filename = str(path)
        raise
    finally:
        temporary.unlink(missing_ok=True)
