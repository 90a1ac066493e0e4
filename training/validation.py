"""PSNR on the way: a few fixed pictures with fixed noise, and a few real pairs."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ..imaging.level import Level
from ..imaging.metrics import psnr
from ..imaging.randomness import generator
from ..models.adapters import predict_clean
from ..models.contract import Spec
from .objectives import Student
from .pictures import PictureStore, pair_files, picture_files
from .recipe import NoisePart, Recipe, RecipeError
from .recipe_parts import SMALLEST_CROP
from .samples import make_noisy, under

VALIDATION_STEP = 1 << 40
"""A step number that training never reaches: validation has noise of its own."""


ENOUGH = 5
"""This many times the validation pictures must be there before they are held out of training."""
OWN_NOISE = ("ddpm", "score_matching")
"""Objectives that put noise of their own on the clean pictures."""


@dataclass(frozen=True)
class Probe:
    """One validation picture: noisy and clean [1,C,H,W], and its sigma on the [0,1] scale or None."""

    noisy: Tensor
    clean: Tensor
    sigma: float | None


def fingerprint(probes: Sequence[Probe]) -> str:
    """What tells one set of probes from another: PSNR values on different ones cannot be compared."""
    digest = hashlib.sha256()
    for probe in probes:
        for picture in (probe.noisy, probe.clean):
            digest.update(picture.contiguous().numpy().tobytes())
    return digest.hexdigest()


def probes_from_folders(recipe: Recipe, root: Path | None = None) -> list[Probe]:
    """The recipe's validation pictures: evenly spread over the folders, cut to their centres."""
    plan, store = recipe.validation, _store(recipe)
    pairs = [pair for folder in plan.pairs or recipe.data.pairs for pair in pair_files(under(root, folder))]
    probes = probes_from_pictures(recipe, [store.read(path) for path in _chosen(recipe, root, store)])
    for noisy, target in _spread(pairs, plan.pictures, lambda pair: store.usable_pair(pair[0], pair[1], SMALLEST_CROP)):
        probes.append(Probe(centre(store.read(noisy), plan.crop), centre(store.read(target), plan.crop), None))
    return probes


def held_out(recipe: Recipe, root: Path | None = None) -> set[Path]:
    """The clean pictures that are measured on and must not be learnt from; see `Validation`."""
    plan = recipe.validation
    if not plan.held_out or len(_clean_files(recipe, root)) < ENOUGH * plan.pictures:
        return set()
    return set(_chosen(recipe, root, _store(recipe)))


def _store(recipe: Recipe) -> PictureStore:
    return PictureStore(recipe.data.cache_mib << 20, recipe.data.gray)


def _clean_files(recipe: Recipe, root: Path | None) -> list[Path]:
    folders = recipe.validation.clean or recipe.data.clean
    return [path for folder in folders for path in picture_files(under(root, folder))]


def _chosen(recipe: Recipe, root: Path | None, store: PictureStore) -> list[Path]:
    files = _clean_files(recipe, root)
    return _spread(files, recipe.validation.pictures, lambda path: store.usable(path, SMALLEST_CROP))


def _spread(items: Sequence, count: int, usable: Callable[..., bool]) -> list:
    """The first usable item of each of `count` equal runs: looking at all of them would mean to decode them all."""
    count = min(count, len(items))
    ends = [number * len(items) // count for number in range(count + 1)] if count else []
    runs = [items[begin:end] for begin, end in zip(ends, ends[1:], strict=False)]
    return [found for run in runs for found in [next(filter(usable, run), None)] if found is not None]


def probes_from_pictures(recipe: Recipe, pictures: Sequence[np.ndarray]) -> list[Probe]:
    """Clean pictures [H,W,C] with Gaussian noise of the recipe's validation sigma, and with its other kinds.

    Where training knows no Gaussian noise, it says nothing: then the other kinds alone, or what is trained on.
    """
    plan, probes = recipe.validation, []
    white = not recipe.noise or any(part.kind == "gaussian" for part in recipe.noise)
    mixtures = [[part] for part in plan.noise] or ([] if white else [recipe.noise])
    for number, picture in enumerate(pictures):
        clean = centre(picture, plan.crop)
        if white:
            random = generator(recipe.seed, VALIDATION_STEP, number)
            noise = torch.from_numpy(random.standard_normal(tuple(clean.shape), dtype=np.float32))
            probes.append(Probe(clean + noise * (plan.sigma / 255), clean, plan.sigma / 255))
        for kind, mixture in enumerate(mixtures):
            random = generator(recipe.seed, VALIDATION_STEP + 1 + kind, number)
            probes.append(noisy_probe(clean, mixture, random))
    return probes


def noisy_probe(clean: Tensor, mixture: Sequence[NoisePart], random: np.random.Generator) -> Probe:
    """A clean [1,C,H,W] with noise of one part of the mixture."""
    sample = make_noisy(clean[0].permute(1, 2, 0).numpy(), mixture, random)
    sigma = None if np.isnan(sample.sigma) else sample.sigma
    return Probe(torch.from_numpy(sample.noisy).permute(2, 0, 1)[None].contiguous(), clean, sigma)


def centre(picture: np.ndarray, side: int) -> Tensor:
    """The middle of [H,W,C], uint8 or in [0,1] → [1,C,side,side] float32, or less where it is smaller."""
    top, left = (max(0, (length - side) // 2) for length in picture.shape[:2])
    square = picture[top : top + side, left : left + side].astype(np.float32) / (
        255 if picture.dtype == np.uint8 else 1
    )
    return torch.from_numpy(square).permute(2, 0, 1)[None].contiguous()


def validate(
    student: Student, probes: Sequence[Probe], device: torch.device, dtype: torch.dtype
) -> tuple[float, Tensor]:
    """Mean PSNR in dB over the probes, and the last clean estimate as a preview. The network's mode is kept."""
    was_training = student.network.training
    student.network.eval()
    values, preview = [], torch.zeros(1, 3, 1, 1)
    try:
        with torch.no_grad(), torch.autocast(device.type, dtype, enabled=dtype != torch.float32):
            for probe in probes:
                level = Level(probe.sigma if student.spec.needs_sigma else None)
                preview = predict_clean(student.network, student.spec, probe.noisy.to(device), level).cpu().clamp(0, 1)
                values.append(float(psnr(probe.clean.permute(0, 2, 3, 1), preview.permute(0, 2, 3, 1))))
    finally:
        student.network.train(was_training)
    return float(np.mean(values)), preview


def check_sigma(recipe: Recipe, spec: Spec, probes: Sequence[Probe]) -> None:
    """A network that must be told sigma can neither learn from nor be measured on noise that has none.

    Raises:
        RecipeError: it would have to.
    """
    known = not recipe.data.pairs and all(part.kind == "gaussian" for part in recipe.noise)
    known = known or recipe.objective in OWN_NOISE
    if spec.needs_sigma and not (known and all(probe.sigma is not None for probe in probes)):
        raise RecipeError(
            f"{spec.name} must be told sigma, which only Gaussian noise has; give clean pictures without pairs and the "
            "noise 'gaussian' alone, or take a blind network."
        )
