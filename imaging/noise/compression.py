"""What lossy files leave behind: blocks and ringing of JPEG and WebP."""

from __future__ import annotations

from io import BytesIO

import numpy as np
from PIL import Image, features

from ..limits import LARGEST_SIDES
from .kind import NoiseKind, in_range


def _round_trip(clean: np.ndarray, quality: float, form: str) -> np.ndarray:
    """Through an 8-bit file in memory and back; a gray picture stays gray."""
    quality = round(in_range(quality, "quality", 1, 100))
    if max(clean.shape[:2]) > LARGEST_SIDES[form]:
        raise ValueError(
            f"{form} holds at most {LARGEST_SIDES[form]} pixels a side, got {clean.shape[:2]}; crop first."
        )
    gray = clean.shape[-1] == 1
    levels = np.rint(np.clip(clean, 0, 1) * 255).astype(np.uint8)
    file = BytesIO()
    Image.fromarray(levels[..., 0] if gray else levels).save(file, form, quality=quality)
    decoded = np.asarray(Image.open(file).convert("L" if gray else "RGB"), dtype=np.float32)
    return decoded.reshape(clean.shape) / np.float32(255)


def jpeg(clean: np.ndarray, quality: float, random: np.random.Generator | None = None) -> np.ndarray:
    """`clean` after a JPEG of `quality` 1–100 (4:2:0 chroma): clipped to [0,1] and 8 bit. Chance plays no part."""
    return _round_trip(clean, quality, "JPEG")


def webp(clean: np.ndarray, quality: float, random: np.random.Generator | None = None) -> np.ndarray:
    """`clean` after a lossy WebP of `quality` 1–100: clipped to [0,1] and 8 bit. Chance plays no part.

    Raises:
        ValueError: a side above 16383, or a Pillow that was built without WebP.
    """
    if not features.check("webp"):
        raise ValueError("this Pillow was built without WebP; install Pillow from PyPI or use 'jpeg'.")
    return _round_trip(clean, quality, "WEBP")


JPEG = NoiseKind(
    name="jpeg",
    label="JPEG compression",
    unit="quality",
    tooltip="Saved as JPEG and opened again; 100 = hardly any loss, 10 = blocks and ringing. The seed has no effect.",
    default=40,
    minimum=1,
    maximum=100,
    step=1,
    draw=jpeg,
)
WEBP = NoiseKind(
    name="webp",
    label="WebP compression",
    unit="quality",
    tooltip="Saved as lossy WebP and opened again; 100 = hardly any loss. The seed has no effect.",
    default=40,
    minimum=1,
    maximum=100,
    step=1,
    draw=webp,
)
