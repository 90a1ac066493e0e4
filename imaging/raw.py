"""Camera raw files, developed to 16 bits by LibRaw; and one way to open whatever a camera makes."""

from __future__ import annotations

import os
import struct
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from .files import SUFFIXES, PictureError, PictureInfo, load_picture
from .icc import srgb_profile
from .level import DenoiseError
from .metadata import EXIF_HEADER, Metadata, descriptive_exif

RAW_SUFFIXES = (
    *(".dng", ".nef", ".nrw", ".cr2", ".cr3", ".crw", ".arw", ".srf", ".sr2", ".raf", ".orf", ".rw2", ".pef", ".srw"),
    *(".3fr", ".fff", ".iiq", ".erf", ".mef", ".mos", ".mrw", ".kdc", ".dcr", ".rwl", ".x3f", ".gpr"),
)
"""File name endings of cameras' raw files."""
PHOTO_SUFFIXES = (*SUFFIXES, *RAW_SUFFIXES)
DEVELOPMENTS = ("sRGB", "linear")
DEVELOPED = ".tif"
"""What a developed picture is saved as: nothing writes raw files."""
SRGB_GAMMA, NO_GAMMA = (2.4, 12.92), (1, 1)
"""LibRaw's way to say a transfer curve: power, and slope near black."""


def load_photo(path: str | os.PathLike[str], development: str = "sRGB") -> tuple[Tensor, PictureInfo]:
    """`load_picture`, and camera raw files besides.

    A raw file is developed with the camera's white balance into sRGB's colours, upright, at 16 bits, without any
    brightening: pictures of one series stay alike.

    Args:
        development: of raw files: 'sRGB', as screens and the denoisers expect it, or 'linear' light.

    Returns:
        As `load_picture`; from a raw file [1,H,W,3] in [0,1], to be saved as a TIFF of 16 bits with a colour profile
        that says which of the two it is.

    Raises:
        DenoiseError: as `load_picture`; a raw file and rawpy is missing; an unknown development. OSError: missing.
    """
    path = Path(path)
    if development not in DEVELOPMENTS:
        raise DenoiseError(f"raw development '{development}' is unknown; choose {' or '.join(DEVELOPMENTS)}.")
    if path.suffix.lower() not in RAW_SUFFIXES:
        return load_picture(path)
    linear = development == "linear"
    exif = _exif(path.read_bytes())
    levels = _develop(_rawpy(), path, linear)
    image = torch.from_numpy(levels.astype(np.float32) / np.float32(65535))[None]
    return image, PictureInfo(DEVELOPED, bits=16, metadata=Metadata(icc=srgb_profile(linear), exif=exif))


def _rawpy() -> Any:
    try:
        import rawpy
    except ImportError as error:
        raise DenoiseError("camera raw files need rawpy; install it with: pip install rawpy") from error
    return rawpy


def _develop(rawpy: Any, path: Path, linear: bool) -> np.ndarray:
    """[H,W,3] uint16."""
    try:
        with rawpy.imread(str(path)) as raw:
            return raw.postprocess(
                use_camera_wb=True,
                no_auto_bright=True,
                adjust_maximum_thr=0.0,  # white is what the camera says, not the brightest pixel
                output_bps=16,
                output_color=rawpy.ColorSpace.sRGB,
                gamma=NO_GAMMA if linear else SRGB_GAMMA,
            )
    except rawpy.LibRawError as error:
        raise PictureError(
            f"'{path}' is damaged or of an unknown camera ({_words(error)}); convert it first."
        ) from error


def _words(error: Exception) -> str:
    text = error.args[0] if error.args else type(error).__name__
    return text.decode("utf-8", "replace") if isinstance(text, bytes) else str(text)


def _exif(content: bytes) -> bytes | None:
    """Make, model, exposure, place: what a TIFF-based raw file says, without maker notes, which are bound to it."""
    if content[:4] not in (b"II*\0", b"MM\0*"):
        return None
    found = Image.Exif()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # of tags that reach behind the end
            found.load(content)
            kept = descriptive_exif(found, maker_notes=False)
        return kept.tobytes().removeprefix(EXIF_HEADER) if len(kept) else None
    except (OSError, SyntaxError, ValueError, TypeError, KeyError, struct.error):  # damaged: the pixels may be whole
        return None
