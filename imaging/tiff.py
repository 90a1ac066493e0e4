"""Writing a TIFF of 8 or 16 bits with everything a camera says about it (TIFF 6.0, Technical Note 1, Exif 2.3)."""

from __future__ import annotations

import struct
import zlib
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction
from typing import Literal

import numpy as np

from .metadata import DESCRIPTIVE_TAGS, SUB_DIRECTORIES, Metadata

SHORT, LONG, RATIONAL, UNDEFINED = 3, 4, 5, 7
SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4}
"""Bytes per value of each field type."""
POINTERS = (0x8769, 0x8825, 0xA005)
"""Tags whose value is the position of another directory: Exif, GPS, interoperability."""
INCH = 2
"""Unit of the resolution."""
STRIP_BYTES = 1 << 20
FAST = 1
"""zlib's effort for 16 bits, whose lower half is noise: more of it costs time and saves half a percent."""
DEFLATE, HORIZONTAL_DIFFERENCE = 8, 2

Entries = dict[int, tuple[int, int, bytes]]
"""Tag → (type, count, value or its position: 4 bytes)."""


def tiff_bytes(levels: np.ndarray, metadata: Metadata) -> bytes:
    """[H,W,C] uint8 or uint16, C = 1 to 4 (2 and 4 with alpha) → a deflated TIFF with differences, losslessly."""
    order: Literal["<", ">"] = ">" if (metadata.exif or b"").startswith(b"MM") else "<"
    content = bytearray((b"MM\0*" if order == ">" else b"II*\0") + b"\0\0\0\0")
    entries: Entries = {}
    if metadata.exif:
        entries.update(_embed_exif(content, metadata.exif, order))

    def add(tag: int, kind: int, values: bytes | list[int]) -> None:
        letter = {SHORT: "H", LONG: "I"}.get(kind)
        data = values if isinstance(values, bytes) else struct.pack(f"{order}{len(values)}{letter}", *values)
        entries[tag] = (kind, len(values), _place(content, data))

    height, width, channels = levels.shape
    rows = max(1, STRIP_BYTES // (width * channels * levels.itemsize))
    with ThreadPoolExecutor() as pool:  # zlib lets others work meanwhile
        strips = list(pool.map(lambda top: _strip(levels[top : top + rows], order), range(0, height, rows)))
    offsets = [_append(content, strip) for strip in strips]
    add(256, LONG, [width])
    add(257, LONG, [height])
    add(258, SHORT, [8 * levels.itemsize] * channels)
    add(259, SHORT, [DEFLATE])
    add(262, SHORT, [1 if channels < 3 else 2])  # black is zero, or RGB
    add(273, LONG, offsets)
    add(274, SHORT, [1])
    add(277, SHORT, [channels])
    add(278, LONG, [rows])
    add(279, LONG, [len(strip) for strip in strips])
    add(317, SHORT, [HORIZONTAL_DIFFERENCE])
    if channels in (2, 4):
        add(338, SHORT, [2])  # alpha, not premultiplied
    if metadata.dpi:
        for tag, dots in zip((282, 283), metadata.dpi, strict=True):
            entries[tag] = (RATIONAL, 1, _place(content, struct.pack(order + "II", *_ratio(dots))))
        add(296, SHORT, [INCH])
    for tag, data in ((700, metadata.xmp), (34675, metadata.icc)):
        if data:
            add(tag, UNDEFINED, data)
    directory = struct.pack(order + "H", len(entries)) + b"".join(
        struct.pack(order + "HHI", tag, kind, count) + value for tag, (kind, count, value) in sorted(entries.items())
    )
    struct.pack_into(order + "I", content, 4, _append(content, directory + b"\0\0\0\0"))
    return bytes(content)


def _ratio(value: float) -> tuple[int, int]:
    """A positive number below 2**32 as numerator and denominator of 32 bits, to within 1e-4 or 1e-9 of itself."""
    return Fraction(value).limit_denominator(min(10_000, int((2**32 - 1) / value))).as_integer_ratio()


def _strip(levels: np.ndarray, order: Literal["<", ">"]) -> bytes:
    difference = levels.copy()
    difference[:, 1:] -= levels[:, :-1]  # modulo the range of the type, as predictor 2 wants
    effort = 6 if levels.itemsize == 1 else FAST
    return zlib.compress(difference.astype(levels.dtype.newbyteorder(order)).tobytes(), effort)


def _append(content: bytearray, data: bytes) -> int:
    """Position of the data; fields begin on even bytes."""
    content += b"\0" * (len(content) % 2)
    position = len(content)
    content += data
    return position


def _place(content: bytearray, data: bytes) -> bytes:
    """The four bytes of a field: the value itself, padded, or its position."""
    if len(data) <= 4:
        return data.ljust(4, b"\0")
    order = ">" if content[:2] == b"MM" else "<"
    return struct.pack(order + "I", _append(content, data))


def _embed_exif(content: bytearray, block: bytes, order: str) -> Entries:
    """Append an EXIF block as a whole, move its positions to where it lies now, and return its descriptive entries."""
    base = _append(content, block)
    try:
        (start,) = struct.unpack_from(order + "I", block, 4)
        _move(content, base, start, order, depth=0)
        found = entries_at(content, base + start, order)
    except struct.error:  # cut short: it cannot be kept
        return {}
    return {tag: entry for tag, entry in found.items() if tag in (*DESCRIPTIVE_TAGS, *SUB_DIRECTORIES)}


def entries_at(content: bytes | bytearray, at: int, order: str) -> Entries:
    """The directory at a position of a file. Raises struct.error when it reaches behind the end."""
    (count,) = struct.unpack_from(order + "H", content, at)
    found: Entries = {}
    for position in range(at + 2, at + 2 + 12 * count, 12):
        tag, kind, number = struct.unpack_from(order + "HHI", content, position)
        found[tag] = (kind, number, bytes(content[position + 8 : position + 12]))
    return found


def _move(content: bytearray, base: int, start: int, order: str, depth: int) -> None:
    """Add `base` to every position in the directory at `start` of the block, and in those it points to."""
    (count,) = struct.unpack_from(order + "H", content, base + start)
    for position in range(base + start + 2, base + start + 2 + 12 * count, 12):
        tag, kind, number = struct.unpack_from(order + "HHI", content, position)
        (value,) = struct.unpack_from(order + "I", content, position + 8)
        if tag in POINTERS and depth < 2:
            _move(content, base, value, order, depth + 1)
        if tag in POINTERS or SIZES.get(kind, 1) * number > 4:
            struct.pack_into(order + "I", content, position + 8, base + value)
