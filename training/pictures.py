"""Pictures on disk for training: decoded once while memory lasts, bad files skipped and named."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from ..imaging.files import load_picture
from .recipe import RecipeError

SUFFIXES = {".png", ".jpg", ".jpeg", ".webp", ".tif", ".tiff", ".bmp"}
DEEP_GRAY = ("I", "F")
"""How the names of Pillow's modes for gray pictures of more than 8 bits begin."""
UNREADABLE = (OSError, UnidentifiedImageError, ValueError, SyntaxError, Image.DecompressionBombError)


@dataclass
class PictureStore:
    """Decoded pictures [H,W,C] uint8 by path, at most `limit` bytes of them kept; several threads may ask at once.

    skipped: what could not be used, with the reason.
    """

    limit: int
    gray: bool = False
    skipped: dict[str, str] = field(default_factory=dict)
    _kept: dict[Path, np.ndarray] = field(default_factory=dict)
    _bytes: int = 0
    _lock: Lock = field(default_factory=Lock)

    def read(self, path: Path) -> np.ndarray:
        """The picture; raises one of UNREADABLE."""
        if path in self._kept:
            return self._kept[path]
        with Image.open(path) as file:
            picture = _eight_bits(path) if file.mode.startswith(DEEP_GRAY) else ImageOps.exif_transpose(file)
            pixels = np.asarray(picture.convert("L" if self.gray else "RGB"))
        pixels = pixels[..., None] if self.gray else pixels
        with self._lock:
            if path not in self._kept and self._bytes + pixels.nbytes <= self.limit:
                self._kept[path] = pixels
                self._bytes += pixels.nbytes
        return pixels

    def usable(self, path: Path, smallest: int) -> bool:
        """Whether the file decodes and is at least `smallest` pixels on each side; else it goes to `skipped`."""
        try:
            height, width = self.read(path).shape[:2]
        except UNREADABLE as error:
            self.skipped[str(path)] = f"unreadable ({error})"
            return False
        if min(height, width) < smallest:
            self.skipped[str(path)] = f"{width}x{height} is smaller than the crop of {smallest}"
            return False
        return True

    def usable_pair(self, noisy: Path, clean: Path, smallest: int) -> bool:
        """The same of two pictures, which must also be equally large."""
        if not (self.usable(noisy, smallest) and self.usable(clean, smallest)):
            return False
        sizes = [f"{width}x{height}" for height, width, _ in (self.read(noisy).shape, self.read(clean).shape)]
        if sizes[0] != sizes[1]:
            self.skipped[str(noisy)] = f"{sizes[0]}, but its clean partner is {sizes[1]}"
        return sizes[0] == sizes[1]


def _eight_bits(path: Path) -> Image.Image:
    """A gray picture of more than 8 bits; Pillow's own conversion cuts every value above 255 off."""
    picture, _ = load_picture(path)
    return Image.fromarray((255 * picture[0, ..., 0].clamp(0, 1)).round().byte().numpy())


def picture_files(folder: str | Path) -> list[Path]:
    """All picture files below a folder, sorted. Raises RecipeError when it is missing or holds none."""
    root = Path(folder)
    if not root.is_dir():
        raise RecipeError(f"data folder '{folder}' does not exist; pass the right one with --data or --photos.")
    files = sorted(path for path in root.rglob("*") if path.suffix.lower() in SUFFIXES)
    if not files:
        raise RecipeError(f"data folder '{folder}' holds no pictures ({', '.join(sorted(SUFFIXES))}).")
    return files


NOISY_MARKS, CLEAN_MARKS = ("_real", "_noisy", "_NOISY"), ("_mean", "_clean", "_GT")


def pair_files(folder: str | Path) -> list[tuple[Path, Path]]:
    """(noisy, clean) files: two sub-folders `noisy` and `clean` with equal names inside, or names ending alike.

    The endings are _real/_mean (PolyU), _noisy/_clean and _NOISY/_GT (SIDD).

    Raises:
        RecipeError: no folder, or no pair in it.
    """
    root = Path(folder)
    if (root / "noisy").is_dir() and (root / "clean").is_dir():
        noisy, clean = (
            {_name_in(root / part, p): p for p in picture_files(root / part)} for part in ("noisy", "clean")
        )
        pairs = [(path, clean[name]) for name, path in noisy.items() if name in clean]
    else:
        pairs = _by_ending(picture_files(root))
    if not pairs:
        raise RecipeError(f"data folder '{folder}' holds no pairs; name them like x_noisy.png and x_clean.png.")
    return pairs


def _name_in(folder: Path, path: Path) -> Path:
    """Scenes in folders of their own may number their pictures alike."""
    return path.relative_to(folder).with_suffix("")


def _by_ending(files: Sequence[Path]) -> list[tuple[Path, Path]]:
    clean = {(path.parent, path.stem.removesuffix(m), m): path for path in files for m in CLEAN_MARKS}
    found = []
    for path in files:
        for noisy_mark, clean_mark in zip(NOISY_MARKS, CLEAN_MARKS, strict=True):
            partner = clean.get((path.parent, path.stem.removesuffix(noisy_mark), clean_mark))
            if path.stem.endswith(noisy_mark) and partner is not None and partner.stem.endswith(clean_mark):
                found.append((path, partner))
    return found
