"""TIFFs made such that FFmpeg reads all or nothing of them, and that Pillow keeps their fourth channel."""

from __future__ import annotations

import io
import struct
from pathlib import Path
from typing import NamedTuple

from PIL import Image

from .level import DenoiseError
from .tiff import Entries, entries_at

LAYOUT_TAGS = (256, 257, 258, 259, 262, 266, 273, 277, 278, 279, 284, 317)
"""Size, depth, compression, colour, order of bits, strips, rows, planes, differences: all FFmpeg knows of them."""
TILE_WIDTH, FURTHER_CHANNELS, NUMBER_KIND = 322, 338, 339
UNSIGNED = (1, 4)
"""Kinds of numbers: said to be so, or said to be unknown."""
UNSPECIFIED, PREMULTIPLIED, STRAIGHT = 0, 1, 2
"""Kinds of further channels."""


class Strips(NamedTuple):
    """content: the file, less all that is not about its pixels. premultiplied: colours are times alpha."""

    content: bytes
    premultiplied: bool


def only_strips(content: bytes, path: Path) -> Strips:
    """A TIFF for a strict decoder, which takes tags that it does not know for damage.

    Raises:
        DenoiseError: no directory, tiles (FFmpeg reads them as black), or numbers that are not unsigned.
    """
    order = "<" if content.startswith(b"II") else ">"
    try:
        (start,) = struct.unpack_from(order + "I", content, 4)
        entries = entries_at(content, start, order)
    except struct.error as error:
        raise DenoiseError(f"'{path}' is damaged (it has no directory); get a whole copy of it.") from error
    if TILE_WIDTH in entries:
        raise DenoiseError(f"'{path}' is stored in tiles, which are not read at 16 bits; save it in strips, or as PNG.")
    if NUMBER_KIND in entries and _first(content, entries, NUMBER_KIND, order) not in UNSIGNED:
        raise DenoiseError(f"'{path}' holds signed or floating-point numbers; convert it to unsigned ones, or to EXR.")
    kept = [(tag, *entries[tag]) for tag in LAYOUT_TAGS if tag in entries]
    directory = struct.pack(order + "H", len(kept)) + b"".join(
        struct.pack(order + "HHI", tag, kind, count) + value for tag, kind, count, value in kept
    )
    padded = content + bytes(len(content) % 2)
    plain = padded[:4] + struct.pack(order + "I", len(padded)) + padded[8:] + directory + bytes(4)
    premultiplied = FURTHER_CHANNELS in entries and _first(content, entries, FURTHER_CHANNELS, order) == PREMULTIPLIED
    return Strips(plain, premultiplied)


def _first(content: bytes, entries: Entries, tag: int, order: str) -> int:
    """The first of a tag's numbers of 16 bits; they lie elsewhere when they are more than two."""
    _, count, value = entries[tag]
    if count > 2:
        position = struct.unpack(order + "I", value)[0]
        value = content[position : position + 2].ljust(2, b"\0")
    return struct.unpack_from(order + "H", value)[0]


def drops_a_channel(opened: Image.Image) -> bool:
    """Whether Pillow leaves out the channel of an 8-bit TIFF that may be alpha, as nothing says what it is."""
    tags = opened.tag_v2 if opened.format == "TIFF" else {}  # type: ignore[attr-defined]
    return tags.get(FURTHER_CHANNELS) in (UNSPECIFIED, (UNSPECIFIED,))


def with_alpha(path: Path) -> Image.Image:
    """The same picture, opened with that channel as alpha. Raises struct.error and what Pillow raises when damaged."""
    content = bytearray(path.read_bytes())
    order = "<" if content.startswith(b"II") else ">"
    (start,) = struct.unpack_from(order + "I", content, 4)
    index = list(entries_at(content, start, order)).index(FURTHER_CHANNELS)
    struct.pack_into(order + "H", content, start + 2 + 12 * index + 8, STRAIGHT)
    return Image.open(io.BytesIO(content), formats=["TIFF"])
