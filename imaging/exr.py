"""The header of an EXR tells what the decoder would leave out, or fill in, without a word (OpenEXR file layout)."""

from __future__ import annotations

import struct
from pathlib import Path

from .level import DenoiseError

VERSION, TILED, SEVERAL_PARTS = 2, 0x200, 0x1000
"""The version of the layout, and flags in the same number."""
COLOURS, GRAY = {"R", "G", "B", "A"}, {"Y", "A"}
CHANNEL_FIELDS = 16
"""Bytes behind the name of a channel: its type, and how often it is sampled."""


def check_exr(content: bytes, path: Path) -> None:
    """Let a file pass whose one picture is whole and nothing but RGB or gray, with or without alpha.

    Raises:
        DenoiseError: cut short, several pictures, or channels beside those.
    """
    (number,) = struct.unpack_from("<I", content.ljust(8, b"\0"), 4)
    if number & 0xFF != VERSION:
        raise DenoiseError(f"'{path}' is damaged or of an unusual kind (no EXR of version 2); save it again.")
    if number & SEVERAL_PARTS:  # each with a header of its own
        raise DenoiseError(f"'{path}' holds several pictures; split it into single ones first.")
    try:
        attributes, end = _header(content)
        others = _other_channels(attributes.get(b"channels", b"\0"))
        whole = _last_block_end(content, end, bool(number & TILED)) <= len(content)
    except (struct.error, IndexError, ValueError, OverflowError):
        others, whole = [], False
    if not whole:
        raise DenoiseError(f"'{path}' is damaged (it is cut short); get a whole copy of it.")
    if others:
        names = ", ".join(others[:4]) + (" …" if len(others) > 4 else "")
        raise DenoiseError(
            f"'{path}' holds layers that would be lost ({names}); save RGB or gray, with or without alpha, alone."
        )


def _header(content: bytes) -> tuple[dict[bytes, bytes], int]:
    """Attributes by name, and where they end: each has name, type, size, value."""
    attributes, position = {}, 8
    while content[position]:
        kind = content.index(b"\0", position) + 1
        value = content.index(b"\0", kind) + 5
        (size,) = struct.unpack_from("<I", content, value - 4)
        attributes[content[position : kind - 1]] = content[value : value + size]
        position = value + size
    return attributes, position + 1


def _other_channels(listed: bytes) -> list[str]:
    names, position = [], 0
    while listed[position]:
        end = listed.index(b"\0", position)
        names.append(listed[position:end].decode("utf-8", "replace"))
        position = end + 1 + CHANNEL_FIELDS
    kept = GRAY if {name.upper() for name in names} <= GRAY else COLOURS
    return [name for name in names if name.upper() not in kept]


def _last_block_end(content: bytes, position: int, tiled: bool) -> int:
    """Behind the last block of pixels that the table at `position` names; missing ones would be read as zeros."""
    size_at = 16 if tiled else 4  # a tile has four coordinates, a block of lines one
    blocks = [struct.unpack_from("<Q", content, position)[0]]
    while (position := position + 8) < min(blocks):
        blocks.append(struct.unpack_from("<Q", content, position)[0])
    (size,) = struct.unpack_from("<I", content, max(blocks) + size_at)
    return max(blocks) + size_at + 4 + size
