"""Training pictures: decoded once, kept as 8 bit within a memory limit, unreadable files named and left out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import numpy as np
from PIL import Image, UnidentifiedImageError
from torch import Tensor

from ..imaging.level import DenoiseError

SUFFIXES = {".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp", ".ppm"}
NOISY = ("_real", "_noisy", "_NOISY_SRGB", "_in")
CLEAN = ("_mean", "_clean", "_GT_SRGB", "_gt")
CACHE_BYTES = 4 << 30


class Pictures(Protocol):
    """A numbered set of pictures: (clean, noisy or None), each [H,W,C] float32 in [0,1]."""

    def __len__(self) -> int: ...

    def size(self, index: int) -> tuple[int, int]:
        """Height and width."""
        ...

    def crop(self, index: int, rows: slice, columns: slice) -> tuple[np.ndarray, np.ndarray | None]:
        """The clean part and, for pairs, the noisy one."""
        ...


@dataclass
class FolderPictures:
    """Pictures in files: (clean file, noisy file or None) each; `skipped` names what could not be used, and why."""

    files: Sequence[tuple[Path, Path | None]]
    channels: int = 3
    smallest: int = 1
    cache_bytes: int = CACHE_BYTES
    skipped: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._kept: list[tuple[tuple[Path, Path | None], tuple[int, int]]] = []
        self._cache: dict[Path, np.ndarray] = {}
        self._room = self.cache_bytes
        for pair in self.files:
            self._admit(pair)

    def _admit(self, pair: tuple[Path, Path | None]) -> None:
        try:
            pictures = [self._decode(path) for path in pair if path is not None]
        except (OSError, UnidentifiedImageError, SyntaxError, ValueError) as error:
            self.skipped.append(f"{pair[0].name}: unreadable ({error})")
            return
        height, width = pictures[0].shape[:2]
        if min(height, width) < self.smallest:
            self.skipped.append(f"{pair[0].name}: {width}x{height} is smaller than the crop of {self.smallest}")
        elif any(p.shape != pictures[0].shape for p in pictures):
            self.skipped.append(f"{pair[0].name}: noisy and clean differ in size")
        else:
            self._kept.append((pair, (height, width)))
            for path, picture in zip(filter(None, pair), pictures, strict=True):
                self._store(path, picture)

    def _store(self, path: Path, picture: np.ndarray) -> None:
        if picture.nbytes <= self._room:
            self._cache[path] = picture
            self._room -= picture.nbytes

    def _decode(self, path: Path) -> np.ndarray:
        with Image.open(path) as file:
            picture = np.asarray(file.convert("L" if self.channels == 1 else "RGB"))
        return picture[..., None] if picture.ndim == 2 else picture

    def _part(self, path: Path, rows: slice, columns: slice) -> np.ndarray:
        picture = self._cache[path] if path in self._cache else self._decode(path)
        return picture[rows, columns].astype(np.float32) / np.float32(255)

    def __len__(self) -> int:
        return len(self._kept)

    def size(self, index: int) -> tuple[int, int]:
        """Height and width."""
        return self._kept[index][1]

    def crop(self, index: int, rows: slice, columns: slice) -> tuple[np.ndarray, np.ndarray | None]:
        """See `Pictures`."""
        clean, noisy = self._kept[index][0]
        return self._part(clean, rows, columns), None if noisy is None else self._part(noisy, rows, columns)


@dataclass(frozen=True)
class TensorPictures:
    """ComfyUI's IMAGE batches [B,H,W,C] in [0,1]: clean ones, and noisy ones of the same shape for pairs."""

    clean: Tensor
    noisy: Tensor | None = None

    def __post_init__(self) -> None:
        if self.noisy is not None and self.noisy.shape != self.clean.shape:
            raise DenoiseError(
                f"noisy pictures are {tuple(self.noisy.shape)}, clean ones {tuple(self.clean.shape)}; pairs need one "
                "noisy picture of equal size for each clean one."
            )

    def __len__(self) -> int:
        return self.clean.shape[0]

    def size(self, index: int) -> tuple[int, int]:
        """Height and width."""
        return self.clean.shape[1], self.clean.shape[2]

    def crop(self, index: int, rows: slice, columns: slice) -> tuple[np.ndarray, np.ndarray | None]:
        """See `Pictures`."""
        parts = [None if t is None else t[index, rows, columns, :3].float().cpu().numpy() for t in self._both()]
        assert parts[0] is not None
        return parts[0], parts[1]

    def _both(self) -> tuple[Tensor, Tensor | None]:
        return self.clean, self.noisy


def clean_files(folder: Path, pattern: str = "*") -> list[tuple[Path, Path | None]]:
    """The pictures of a folder in the order of their names. Raises DenoiseError when there are none."""
    files = [path for path in _listing(folder) if path.match(pattern)]
    if not files:
        raise DenoiseError(f"data folder '{folder}' has no picture named '{pattern}'; check --data and the recipe.")
    return [(path, None) for path in files]


def paired_files(folder: Path, pattern: str = "*") -> list[tuple[Path, Path | None]]:
    """Pairs of one folder by their endings (x_real/x_mean, x_noisy/x_clean …), or of its folders noisy/ and clean/.

    Raises:
        DenoiseError: no folder, or no pair inside.
    """
    if (folder / "noisy").is_dir() and (folder / "clean").is_dir():
        noisy = {path.stem: path for path in _listing(folder / "noisy")}
        files = [(path, noisy[path.stem]) for path in _listing(folder / "clean") if path.stem in noisy]
    else:
        by_stem = {path.stem: path for path in _listing(folder)}
        files = [(path, partner) for path in by_stem.values() if (partner := _partner(path, by_stem)) is not None]
    files = [(clean, noisy) for clean, noisy in files if clean.match(pattern)]
    if not files:
        endings = ", ".join(f"{n}/{c}" for n, c in zip(NOISY, CLEAN, strict=True))
        raise DenoiseError(f"'{folder}' has no noisy/clean pairs; name them alike but for {endings}.")
    return list(files)


def _partner(clean: Path, by_stem: dict[str, Path]) -> Path | None:
    for noisy_end, clean_end in zip(NOISY, CLEAN, strict=True):
        if clean.stem.endswith(clean_end):
            return by_stem.get(clean.stem.removesuffix(clean_end) + noisy_end)
    return None


def _listing(folder: Path) -> list[Path]:
    if not folder.is_dir():
        raise DenoiseError(f"data folder '{folder}' does not exist; name the folder that holds it with --data.")
    return sorted(path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES)
