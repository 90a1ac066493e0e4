"""Training samples: each depends on (seed, step, sample) alone, so a run can be killed and resumed exactly."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import compress
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from ..imaging.noise import NOISE_KINDS
from ..imaging.randomness import generator
from .pictures import PictureStore, pair_files, picture_files
from .recipe import NoisePart, Recipe, RecipeError, check_pairs_suffice

MOST_READERS = 8
"""Threads that decode pictures; those beyond the recipe's `cache_mib` are decoded for every crop."""


@dataclass(frozen=True)
class Batch:
    """noisy, clean, second: [B,C,H,W] on the [0,1] scale, second being another noisy picture of the same scene.

    Pairs have no other one; there `second` is `noisy` itself, and no objective that learns from it may be chosen.
    sigma: [B] of the Gaussian noise in `noisy` on the [0,1] scale, NaN where the noise is of another kind.
    """

    noisy: Tensor
    clean: Tensor
    second: Tensor
    sigma: Tensor


class Source(Protocol):
    """Where batches come from."""

    @property
    def skipped(self) -> Mapping[str, str]:
        """Files that could not be used, with the reason."""
        ...

    def batch(self, step: int) -> Batch:
        """The batch of one step; always the same one."""
        ...


@dataclass(frozen=True)
class Sample:
    """One crop, [H,W,C] float32."""

    noisy: np.ndarray
    clean: np.ndarray
    second: np.ndarray
    sigma: float


class FolderSource:
    """Crops of the pictures in the recipe's folders.

    Args:
        root: folder that relative ones lie in.
        part: which batch of a step this is, when several processes have one each.
        without: clean pictures that are left for validation.

    Raises:
        RecipeError: a folder is missing, or nothing in it is usable.
    """

    def __init__(self, recipe: Recipe, root: Path | None = None, part: int = 0, without: Collection[Path] = ()) -> None:
        self._recipe, data = recipe, recipe.data
        self._indices = range(part * data.batch, (part + 1) * data.batch)
        self._store = PictureStore(data.cache_mib << 20, data.gray)
        self.skipped = self._store.skipped
        clean = [path for folder in data.clean for path in picture_files(under(root, folder))]
        pairs = [pair for folder in data.pairs for pair in pair_files(under(root, folder))]
        self._readers = ThreadPoolExecutor(min(MOST_READERS, os.cpu_count() or 1))
        clean = [path for path in clean if path not in without]
        self._clean = self._that(clean, lambda path: self._store.usable(path, data.crop))
        self._pairs = self._that(pairs, lambda pair: self._store.usable_pair(pair[0], pair[1], data.crop))
        if not (self._clean or self._pairs):
            file, reason = min(self.skipped.items())
            raise RecipeError(
                f"no usable picture in {', '.join((*data.clean, *data.pairs))}, {len(self.skipped)} skipped, as {file} "
                f"({reason}); give others, or a smaller data.crop."
            )

    def batch(self, step: int) -> Batch:
        """The batch of one step."""
        return collate(list(self._readers.map(partial(self._sample, step), self._indices)))

    def _that(self, items: list, fit: Callable[[Any], bool]) -> list:
        """Those of the pictures or pairs that `fit`, which decodes them."""
        return list(compress(items, list(self._readers.map(fit, items))))

    def _sample(self, step: int, index: int) -> Sample:
        random, data = generator(self._recipe.seed, step, index), self._recipe.data
        if self._pairs and (not self._clean or random.random() < data.pair_share):
            noisy, clean = (self._store.read(path) for path in self._pairs[random.integers(len(self._pairs))])
            noisy, clean = cut((noisy, clean), data.crop, random)
            return Sample(noisy, clean, noisy, float("nan"))
        return spoiled_crop(self._store.read(self._clean[random.integers(len(self._clean))]), self._recipe, random)


class TensorSource:
    """Crops of pictures that are already in memory: clean [B,H,W,C], and noisy ones of the same shape or None."""

    def __init__(self, recipe: Recipe, clean: Tensor, noisy: Tensor | None = None) -> None:
        if min(clean.shape[1:3]) < recipe.data.crop:
            raise RecipeError(f"the pictures are smaller than the crop of {recipe.data.crop}; lower it.")
        if noisy is not None:
            check_pairs_suffice(recipe.objective)
        self._recipe, self.skipped = recipe, {}
        self._clean = clean.float().cpu().numpy()
        self._noisy = None if noisy is None else noisy.float().cpu().numpy()

    def batch(self, step: int) -> Batch:
        """The batch of one step."""
        return collate([self._sample(step, index) for index in range(self._recipe.data.batch)])

    def _sample(self, step: int, index: int) -> Sample:
        random, data = generator(self._recipe.seed, step, index), self._recipe.data
        number = random.integers(len(self._clean))
        if self._noisy is not None:
            noisy, clean = cut((self._noisy[number], self._clean[number]), data.crop, random)
            return Sample(noisy, clean, noisy, float("nan"))
        return spoiled_crop(self._clean[number], self._recipe, random)


def spoiled_crop(picture: np.ndarray, recipe: Recipe, random: np.random.Generator) -> Sample:
    """A crop of a clean picture [H,W,C], and what the recipe's noise makes of it."""
    (clean,) = cut((picture,), recipe.data.crop, random)
    return make_noisy(vary_colour(clean, recipe.data.colour, random), recipe.noise, random)


def under(root: Path | None, folder: str) -> Path:
    """A recipe's folder below --data, when that is given and the recipe's is relative."""
    return root / folder if root is not None and not Path(folder).is_absolute() else Path(folder)


def cut(pictures: Sequence[np.ndarray], side: int, random: np.random.Generator) -> list[np.ndarray]:
    """The same random square of every picture, flipped and turned alike; float32 in [0,1].

    Only the eight exact symmetries: anything that resamples would change the noise.
    """
    height, width = pictures[0].shape[:2]
    top, left = random.integers(height - side + 1), random.integers(width - side + 1)
    turns, flip = int(random.integers(4)), bool(random.integers(2))
    squares = []
    for picture in pictures:
        square = np.rot90(picture[top : top + side, left : left + side], turns)
        square = square[:, ::-1] if flip else square
        scale = 255 if picture.dtype == np.uint8 else 1
        squares.append(np.ascontiguousarray(square, dtype=np.float32) / scale)
    return squares


def vary_colour(clean: np.ndarray, share: float, random: np.random.Generator) -> np.ndarray:
    """With probability `share`: channels permuted, saturation × 0.5–2; photographs differ more than training sets."""
    if clean.shape[-1] != 3 or random.random() >= share:
        return clean
    clean = clean[..., random.permutation(3)]
    gray = clean.mean(axis=-1, keepdims=True)
    return np.clip(gray + (clean - gray) * np.float32(random.uniform(0.5, 2.0)), 0, 1)


def make_noisy(clean: np.ndarray, mixture: Sequence[NoisePart], random: np.random.Generator) -> Sample:
    """Two noisy versions of a clean crop, by one part of the mixture with one amount."""
    weights = np.array([part.weight for part in mixture])
    part = mixture[random.choice(len(mixture), p=weights / weights.sum())]
    value = _between(part, random)
    kind, extra = NOISE_KINDS[part.kind], 0.0
    if part.on_top and random.random() < part.on_top:
        extra = random.uniform(0, part.on_top_sigma) / 255
    noisy, second = (
        kind.apply(clean, kind.amount(value), random, **part.options)
        + random.standard_normal(clean.shape, dtype=np.float32) * np.float32(extra)
        for _ in range(2)
    )
    # Variances of independent Gaussian noise add up; with any other kind beneath, the sum is not white.
    sigma = float(np.hypot(value / 255, extra)) if part.kind == "gaussian" else float("nan")
    return Sample(noisy, clean, second, sigma)


def _between(part: NoisePart, random: np.random.Generator) -> float:
    if part.logarithmic:
        return float(np.exp(random.uniform(np.log(part.low), np.log(part.high))))
    return float(random.uniform(part.low, part.high))


def collate(samples: Sequence[Sample]) -> Batch:
    """Crops → one batch."""

    def stack(name: str) -> Tensor:
        planes = np.stack([getattr(sample, name) for sample in samples])
        return torch.from_numpy(planes).permute(0, 3, 1, 2).contiguous(memory_format=torch.channels_last)

    sigma = torch.tensor([sample.sigma for sample in samples], dtype=torch.float32)
    return Batch(stack("noisy"), stack("clean"), stack("second"), sigma)
