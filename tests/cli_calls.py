"""Calling the commands: small noisy pictures, and what is complained of."""

from pathlib import Path

import numpy as np
from PIL import Image

QUICK = ["--denoiser", "heat", "--sigma", "10"]


def picture(*paths: Path | str, mode: str = "RGB", **options: object) -> np.ndarray:
    """Write a small noisy picture to every path and return its levels."""
    pixels = np.random.default_rng(0).integers(90, 160, (16, 20, len(mode)), dtype=np.uint8)
    image = Image.frombytes(mode, (20, 16), pixels.tobytes())
    for path in map(Path, paths):
        path.parent.mkdir(parents=True, exist_ok=True)
        image.save(path, **options)
    return np.asarray(image)


def complaint(capsys) -> str:
    """What was written to stderr, without progress bars: exactly one line."""
    lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith("realdenoise")]
    assert len(lines) == 1, lines
    return lines[0]
