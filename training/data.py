"""Batches whose every number depends only on (seed, step, sample): crop, symmetry, colour, noise."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ..imaging.level import DenoiseError
from ..imaging.noise import NOISE_KINDS
from ..imaging.randomness import generator
from .augment import recolour, symmetry
from .pictures import FolderPictures, Pictures, clean_files, paired_files
from .recipe import NoiseShare, Recipe, Source


@dataclass(frozen=True)
class Batch:
    """Training samples; [B,C,H,W] float32 on the [0,1] scale.

    second: another noisy copy of the same picture where the objective asked for one. sigma [B]: the level of white
    noise, else the root mean square of noisy − clean. label [B]: classes, -1 = none. random: one generator per
    sample, for what the objective itself draws.
    """

    clean: Tensor
    noisy: Tensor
    second: Tensor | None
    sigma: Tensor
    label: Tensor
    random: tuple[np.random.Generator, ...]

    def to(self, device: torch.device) -> Batch:
        """The same batch on another device."""
        moved = [
            t if t is None else t.to(device) for t in (self.clean, self.noisy, self.second, self.sigma, self.label)
        ]
        return Batch(*moved, self.random)  # type: ignore[arg-type]

    def uniform(self) -> Tensor:
        """One draw of [0,1) per sample: [B]."""
        return torch.tensor([r.random(dtype=np.float32) for r in self.random]).to(self.clean.device)

    def normal(self) -> Tensor:
        """Standard normal noise of the batch's shape."""
        draws = [r.standard_normal(self.clean.shape[1:], dtype=np.float32) for r in self.random]
        return torch.from_numpy(np.stack(draws)).to(self.clean.device)


@dataclass(frozen=True)
class Pool:
    """The pictures of one source; train and held_out are numbers of pictures."""

    source: Source
    pictures: Pictures
    train: tuple[int, ...]
    held_out: tuple[int, ...]


def make_pool(source: Source, pictures: Pictures, every: int) -> Pool:
    """Hold every `every`-th picture out for validation; with 0, or too few pictures, validate on training ones."""
    numbers = range(len(pictures))
    if not numbers:
        skipped = getattr(pictures, "skipped", [])
        raise DenoiseError(
            f"source '{source.folder}' has no usable picture ({'; '.join(skipped[:3]) or 'it is empty'})."
        )
    if every <= 1 or len(pictures) < every:
        return Pool(source, pictures, tuple(numbers), tuple(numbers))
    held_out = tuple(i for i in numbers if i % every == every - 1)
    return Pool(source, pictures, tuple(i for i in numbers if i % every != every - 1), held_out)


def open_pools(recipe: Recipe, data: Path, channels: int) -> list[Pool]:
    """All sources of a recipe under the folder `data`, decoded. Raises DenoiseError when one is missing or empty."""
    pools = []
    for source in recipe.sources:
        find = paired_files if source.kind == "pairs" else clean_files
        pictures = FolderPictures(find(data / source.folder, source.files), channels, recipe.crop)
        pools.append(make_pool(source, pictures, recipe.validation.every))
    return pools


@dataclass(frozen=True)
class Sampler:
    """Draws batches; `second` asks for a second noisy copy (Noise2Noise)."""

    recipe: Recipe
    pools: list[Pool]
    second: bool = False

    def batch(self, step: int) -> Batch:
        """The batch of one step: the same whenever it is asked for."""
        samples = [self._sample(generator(self.recipe.seed, step, i)) for i in range(self.recipe.batch)]
        planes = [self._stack([s[k] for s in samples]) for k in range(3 if self.second else 2)]
        return Batch(
            clean=planes[0],
            noisy=planes[1],
            second=planes[2] if self.second else None,
            sigma=torch.tensor([s[3] for s in samples], dtype=torch.float32),
            label=torch.tensor([s[4] for s in samples]),
            random=tuple(s[5] for s in samples),
        )

    @staticmethod
    def _stack(pictures: list) -> Tensor:
        return torch.from_numpy(np.stack(pictures).transpose(0, 3, 1, 2).copy())

    def _sample(self, random: np.random.Generator) -> tuple:
        pool = self.pools[_choose([p.source.share for p in self.pools], random)]
        clean, noisy = self._crop(pool, random)
        if noisy is None and random.random() < self.recipe.augmentation.colour:
            clean = recolour(clean, random)
        second = None
        if noisy is None:
            noise = self._noise(random)
            amount = _amount(noise, random)
            noisy, sigma = apply_noise(clean, noise, amount, random)
            second = apply_noise(clean, noise, amount, random)[0] if self.second else None
        else:
            second, sigma = clean, float(np.sqrt(np.mean((noisy - clean) ** 2)))
        return clean, noisy, second, sigma, pool.source.label, random

    def _crop(self, pool: Pool, random: np.random.Generator) -> tuple[np.ndarray, np.ndarray | None]:
        index = pool.train[int(random.integers(len(pool.train)))]
        height, width = pool.pictures.size(index)
        side = self.recipe.crop
        top, left = int(random.integers(height - side + 1)), int(random.integers(width - side + 1))
        clean, noisy = pool.pictures.crop(index, slice(top, top + side), slice(left, left + side))
        which = int(random.integers(8)) if self.recipe.augmentation.flips else 0
        return symmetry(clean, which), None if noisy is None else symmetry(noisy, which)

    def _noise(self, random: np.random.Generator) -> NoiseShare:
        if not self.recipe.noise:
            raise DenoiseError(f"recipe '{self.recipe.name}' has clean pictures but no [[noise]]; declare a mixture.")
        return self.recipe.noise[_choose([n.share for n in self.recipe.noise], random)]


def _choose(shares: list[float], random: np.random.Generator) -> int:
    return int(np.searchsorted(np.cumsum(shares), random.random() * sum(shares), side="right").clip(0, len(shares) - 1))


def _amount(noise: NoiseShare, random: np.random.Generator) -> float:
    low, high = noise.amount
    if noise.spacing == "log":
        return float(np.exp(random.uniform(np.log(low), np.log(high))))
    return float(random.uniform(low, high))


def apply_noise(
    clean: np.ndarray, noise: NoiseShare, amount: float, random: np.random.Generator
) -> tuple[np.ndarray, float]:
    """One noisy copy of [H,W,C], and its sigma on the [0,1] scale; `amount` on the scale of the Add Noise node."""
    kind = NOISE_KINDS[noise.kind]
    noisy = kind.apply(clean, kind.amount(amount), random, **noise.options)
    if noise.gaussian[1] > 0:
        white = NOISE_KINDS["gaussian"]
        noisy = white.apply(noisy, white.amount(float(random.uniform(*noise.gaussian))), random)
    elif noise.kind == "gaussian":
        return noisy, kind.amount(amount)
    return noisy, float(np.sqrt(np.mean((noisy - clean) ** 2)))


class Prefetch:
    """Makes the next batch in another thread while the current one is trained on."""

    def __init__(self, sampler: Sampler) -> None:
        self._sampler = sampler
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="batch")
        self._next: tuple[int, Future[Batch]] | None = None

    def __call__(self, step: int) -> Batch:
        ready = (
            self._next[1] if self._next and self._next[0] == step else self._worker.submit(self._sampler.batch, step)
        )
        batch = ready.result()
        self._next = (step + 1, self._worker.submit(self._sampler.batch, step + 1))
        return batch

    def close(self) -> None:
        """Stop the thread."""
        self._worker.shutdown(wait=True, cancel_futures=True)
