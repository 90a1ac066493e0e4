"""EXR files of any channels, uncompressed: what no library here writes."""

import struct
from pathlib import Path

import numpy as np

FLOAT = 2


def attribute(name: str, kind: str, value: bytes) -> bytes:
    return name.encode() + b"\0" + kind.encode() + b"\0" + struct.pack("<I", len(value)) + value


def write_exr(path: Path, channels: dict[str, np.ndarray], flags: int = 0) -> None:
    """channels: name → [H,W] float32."""
    names, (height, width) = sorted(channels), next(iter(channels.values())).shape
    listed = b"".join(name.encode() + b"\0" + struct.pack("<IIII", FLOAT, 0, 1, 1) for name in names) + b"\0"
    box = struct.pack("<4i", 0, 0, width - 1, height - 1)
    header = struct.pack("<II", 20000630, 2 | flags) + attribute("channels", "chlist", listed)
    header += attribute("compression", "compression", b"\0") + attribute("lineOrder", "lineOrder", b"\0")
    header += attribute("dataWindow", "box2i", box) + attribute("displayWindow", "box2i", box)
    header += attribute("pixelAspectRatio", "float", struct.pack("<f", 1))
    header += attribute("screenWindowCenter", "v2f", bytes(8))
    header += attribute("screenWindowWidth", "float", struct.pack("<f", 1)) + b"\0"
    size = 4 * width * len(names)
    first, blocks = len(header) + 8 * height, b""
    for row in range(height):
        blocks += struct.pack("<iI", row, size) + b"".join(channels[name][row].tobytes() for name in names)
    table = b"".join(struct.pack("<Q", first + row * (size + 8)) for row in range(height))
    path.write_bytes(header + table + blocks)
