"""What a picture file says beside its pixels: colour profile, EXIF, XMP, resolution, texts; kept on rewriting."""

from __future__ import annotations

import re
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from PIL import Image, PngImagePlugin

ORIENTATION, X_RESOLUTION = 0x0112, 0x011A
EXIF_HEADER = b"Exif\x00\x00"
XMP_TEXT = "XML:com.adobe.xmp"
EXIF_TEXTS = ("Raw profile type exif", "Raw profile type APP1")
"""Where ImageMagick keeps the EXIF block of a PNG, in hexadecimal."""
SUB_DIRECTORIES = (0x8769, 0x8825)
"""Pointers to the Exif and the GPS directory."""
MAKER_NOTE = 0x927C
DESCRIPTIVE_TAGS = (270, 271, 272, 305, 306, 315, 33432, *SUB_DIRECTORIES)
"""Description, make, model, software, date, artist, copyright; every other tag of a TIFF describes its layout."""

LARGEST_DPI = 1e8


@dataclass(frozen=True)
class Metadata:
    """icc: colour profile. exif: a TIFF structure whose orientation is upright. xmp: an XML packet.

    dpi: resolution in pixels per inch (x, y). text: PNG text chunks by keyword.
    """

    icc: bytes | None = None
    exif: bytes | None = None
    xmp: bytes | None = None
    dpi: tuple[float, float] | None = None
    text: Mapping[str, str] = field(default_factory=dict)


def read_metadata(picture: Image.Image) -> Metadata:
    """The metadata of an opened file, for pixels that have been turned upright."""
    info = picture.info
    text = {
        key: str(value) for key, value in getattr(picture, "text", {}).items() if key not in (XMP_TEXT, *EXIF_TEXTS)
    }
    return Metadata(
        icc=info.get("icc_profile") or None,
        exif=_exif(picture),
        xmp=_upright_xmp(info.get("xmp") or info.get(XMP_TEXT)),
        dpi=_resolution(picture),
        text=text,
    )


def adopt_exif(picture: Image.Image) -> None:
    """Let an EXIF block in a PNG's texts count as its own, so that it turns the picture and is kept upright."""
    if picture.format != "PNG":
        return
    picture.load()  # texts may follow the pixels
    blocks = [_from_hexadecimal(str(picture.info.pop(key, ""))) for key in EXIF_TEXTS]
    found = next((block for block in blocks if block.startswith((EXIF_HEADER, b"II*\0", b"MM\0*"))), None)
    if found is not None:
        picture.info.setdefault("exif", found)


def _from_hexadecimal(text: str) -> bytes:
    """What stands behind two lines of name and length; nothing of a damaged text."""
    try:
        return bytes.fromhex("".join(text.split("\n")[3:]))
    except ValueError:
        return b""


def save_arguments(metadata: Metadata, file_format: str) -> dict[str, Any]:
    """Keyword arguments for Pillow's `Image.save` that write the metadata into a PNG, JPEG or WEBP."""
    arguments: dict[str, Any] = {}
    if metadata.icc:
        arguments["icc_profile"] = metadata.icc
    if metadata.exif:
        arguments["exif"] = EXIF_HEADER + metadata.exif
    if metadata.dpi and (file_format == "PNG" or (file_format == "JPEG" and _fits_jpeg(metadata.dpi))):
        arguments["dpi"] = metadata.dpi
    if file_format == "PNG":
        arguments["pnginfo"] = _png_texts(metadata)
    elif metadata.xmp and file_format in ("JPEG", "WEBP"):
        arguments["xmp"] = metadata.xmp
    return arguments


def _fits_jpeg(dpi: tuple[float, float]) -> bool:
    """Whether both are whole numbers of 16 bits after rounding; others would become some other resolution."""
    return all(1 <= round(dots) <= 0xFFFF for dots in dpi)


def _png_texts(metadata: Metadata) -> PngImagePlugin.PngInfo:
    chunks = PngImagePlugin.PngInfo()
    for key, value in metadata.text.items():
        chunks.add_text(key, value)
    if metadata.xmp:
        chunks.add_itxt(XMP_TEXT, metadata.xmp.decode("utf-8", "replace"))
    return chunks


def _resolution(picture: Image.Image) -> tuple[float, float] | None:
    """Plain numbers; None for what is no resolution (a TIFF may say 0/0) or more than the fields of a PNG hold."""
    dpi = picture.info.get("dpi")
    if not dpi or (picture.format == "TIFF" and X_RESOLUTION not in picture.getexif()):  # Pillow makes up 1 by 1
        return None
    across, down = (float(value) for value in dpi)
    return (across, down) if 0 < across < LARGEST_DPI and 0 < down < LARGEST_DPI else None


def _exif(picture: Image.Image) -> bytes | None:
    raw = picture.info.get("exif")
    if raw:
        return upright_exif(raw.removeprefix(EXIF_HEADER))
    if picture.format != "TIFF":
        return None
    kept = descriptive_exif(picture.getexif())
    return kept.tobytes().removeprefix(EXIF_HEADER) if len(kept) else None


def descriptive_exif(found: Image.Exif, maker_notes: bool = True) -> Image.Exif:
    """Only the tags that mean the same in every file."""
    kept = Image.Exif()
    for tag in DESCRIPTIVE_TAGS:
        value = dict(found.get_ifd(tag)) if tag in SUB_DIRECTORIES else found.get(tag)
        if isinstance(value, dict) and not maker_notes:
            value.pop(MAKER_NOTE, None)
        if value:
            kept[tag] = value
    return kept


def upright_exif(tiff: bytes) -> bytes:
    """The same EXIF block with orientation 1; every other byte stays, so that maker notes keep their offsets."""
    order = {b"II": "<", b"MM": ">"}.get(tiff[:2])
    if order is None:
        return tiff
    try:
        (start,) = struct.unpack_from(order + "I", tiff, 4)
        (count,) = struct.unpack_from(order + "H", tiff, start)
        entries = [start + 2 + 12 * index for index in range(count)]
        position = next(at for at in entries if struct.unpack_from(order + "H", tiff, at)[0] == ORIENTATION)
    except (struct.error, StopIteration):  # cut short, or no orientation
        return tiff
    upright = struct.pack(order + "HHI", ORIENTATION, 3, 1) + struct.pack(order + "HH", 1, 0)
    return tiff[:position] + upright + tiff[position + 12 :]


def _upright_xmp(packet: bytes | str | None) -> bytes | None:
    if not packet:
        return None
    data = packet.encode() if isinstance(packet, str) else packet
    data = re.sub(rb'tiff:Orientation="\d"', b'tiff:Orientation="1"', data)
    return re.sub(rb"<tiff:Orientation>\d<", b"<tiff:Orientation>1<", data)
