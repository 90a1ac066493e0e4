"""Colour profiles (ICC.1:2001-04) for pictures that are developed here: sRGB, and sRGB's colours in linear light."""

from __future__ import annotations

import struct

import numpy as np

from .srgb import to_linear

D50 = (0.9642, 1.0, 0.8249)
PRIMARIES = {"r": (0.43607, 0.22249, 0.01392), "g": (0.38515, 0.71687, 0.09708), "b": (0.14307, 0.06061, 0.71410)}
"""XYZ of sRGB's red, green and blue, adapted to D50 (IEC 61966-2-1 annex)."""
CURVE_STEPS = 1024
TAGS = 9


def srgb_profile(linear: bool = False) -> bytes:
    """A display profile with sRGB's primaries, and its transfer curve or a straight line."""
    name = b"sRGB in linear light" if linear else b"sRGB"
    curve = b"" if linear else _curve()
    data = {b"desc": _description(name), b"cprt": b"text\0\0\0\0" + b"No copyright.\0", b"wtpt": _xyz(D50)}
    data |= {f"{letter}XYZ".encode(): _xyz(value) for letter, value in PRIMARIES.items()}
    response = b"curv\0\0\0\0" + struct.pack(">I", len(curve) // 2) + curve
    data |= {f"{letter}TRC".encode(): response for letter in PRIMARIES}
    table, body = struct.pack(">I", TAGS), b""
    start, places = 128 + 4 + 12 * TAGS, {}
    for tag, content in data.items():
        if content not in places:
            places[content] = start + len(body)
            body += content + b"\0" * (-len(content) % 4)
        table += tag + struct.pack(">II", places[content], len(content))
    return _header(start + len(body)) + table + body


def _header(size: int) -> bytes:
    created = struct.pack(">6H", 2026, 1, 1, 0, 0, 0)  # the same bytes every time
    head = struct.pack(">I4sI", size, b"\0\0\0\0", 0x02100000) + b"mntrRGB XYZ " + created + b"acsp"
    return (head + b"\0" * 28 + _numbers(D50)).ljust(128, b"\0")


def _curve() -> bytes:
    light = to_linear(np.linspace(0, 1, CURVE_STEPS))
    return np.round(light * 65535).astype(">u2").tobytes()


def _xyz(value: tuple[float, float, float]) -> bytes:
    return b"XYZ \0\0\0\0" + _numbers(value)


def _numbers(value: tuple[float, float, float]) -> bytes:
    return struct.pack(">3i", *(round(number * 65536) for number in value))


def _description(name: bytes) -> bytes:
    text = name + b"\0"
    return b"desc\0\0\0\0" + struct.pack(">I", len(text)) + text + b"\0" * (8 + 3 + 67)
