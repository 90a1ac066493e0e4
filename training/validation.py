"""PSNR on pictures that were held out, with fixed noise."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from ..imaging.randomness import generator
from ..models.contract import Spec
from .data import Pool, apply_noise
from .objectives import Objective
from .recipe import NoiseShare, Recipe

SEED = 20_230_504
"""Of the validation noise; its own, so that training on the same seed never meets it."""


class Validator:
    """Fixed (name, clean, noisy, sigma) cases; calling it gives the mean PSNR per case and of all."""

    def __init__(self, recipe: Recipe, pools: list[Pool]) -> None:
        self._cases: list[tuple[str, Tensor, Tensor, float]] = []
        for pool in pools:
            for index in pool.held_out[: recipe.validation.limit]:
                self._add(recipe, pool, index)

    def _add(self, recipe: Recipe, pool: Pool, index: int) -> None:
        height, width = pool.pictures.size(index)
        rows, columns = (_centre(n, recipe.validation.crop) for n in (height, width))
        clean, noisy = pool.pictures.crop(index, rows, columns)
        if noisy is not None:
            self._keep(f"pairs {pool.source.folder}", clean, noisy, float(np.sqrt(np.mean((noisy - clean) ** 2))))
            return
        for case in recipe.validation.noise:
            share = NoiseShare(case.kind, (case.amount, case.amount))
            noisy, sigma = apply_noise(clean, share, case.amount, generator(SEED, frame=index))
            self._keep(f"{case.kind} {case.amount:g}", clean, noisy, sigma)

    def _keep(self, name: str, clean: np.ndarray, noisy: np.ndarray, sigma: float) -> None:
        planes = [torch.from_numpy(p.transpose(2, 0, 1).copy())[None] for p in (clean, noisy)]
        self._cases.append((name, planes[0], planes[1], sigma))

    @torch.no_grad()
    def __call__(self, network: nn.Module, spec: Spec, objective: Objective, device: torch.device) -> dict[str, float]:
        """PSNR in dB by case, and their mean under 'mean'; the network is left in training mode."""
        network.eval()
        scores: dict[str, list[float]] = {}
        for name, clean, noisy, sigma in self._cases:
            estimate = objective.clean(network, spec, noisy.to(device), torch.tensor([sigma], device=device))
            error = (estimate.clamp(0, 1).cpu() - clean).double().square().mean().clamp_min(1e-12)
            scores.setdefault(name, []).append(float(-10 * torch.log10(error)))
        network.train()
        means = {name: sum(values) / len(values) for name, values in scores.items()}
        return {**means, "mean": sum(means.values()) / len(means)}

    def preview(self) -> tuple[Tensor, float]:
        """The first noisy case and its sigma, to be shown while training."""
        return self._cases[0][2], self._cases[0][3]


def _centre(length: int, side: int) -> slice:
    start = max(0, (length - side) // 2)
    return slice(start, start + min(side, length))
