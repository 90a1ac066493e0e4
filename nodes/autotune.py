"""Choosing a denoiser's noise level, or how long it learns, without a clean picture."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from torch import Tensor

from .. import host
from ..imaging.charts import Series, line_chart
from ..imaging.layout import split
from ..imaging.level import Level
from ..models.autotune import auto_tune
from ..models.zero_shot import ZeroShotDenoiser
from .common import answer
from .registry import node


def sigma_levels(lowest: float, highest: float, count: int) -> list[float]:
    """`count` noise levels from lowest to highest, evenly spaced in ratio; all on the 0–255 scale."""
    if not 0 < lowest < highest:
        raise ValueError(f"lowest sigma ({lowest}) must be above 0 and below highest sigma ({highest}).")
    return np.geomspace(lowest, highest, count).tolist()


FEWEST = 1 / 16
"""The smallest number of iterations tried, as a share of the denoiser's own."""


@dataclass(frozen=True)
class Search:
    """settings: what is tried. run: (picture, setting, monitor) → clean estimate. name, label: of the setting."""

    settings: Sequence[float]
    run: Callable
    name: str
    label: str


def search_for(denoiser, lowest: float, highest: float, count: int) -> Search:
    """Noise levels of 0–255 for a denoiser that is told one, numbers of iterations for one that learns on the spot.

    Raises:
        ValueError: a denoiser that has neither, or an empty range.
    """
    if denoiser.spec.needs_sigma:
        levels = sigma_levels(lowest, highest, count)
        return Search(
            levels, lambda x, s, m: denoiser(x, Level(s / 255), m), "sigma", "sigma told to the denoiser (0–255)"
        )
    if isinstance(denoiser, ZeroShotDenoiser):
        most = denoiser.iterations
        counts = sorted({max(1, round(n)) for n in np.geomspace(FEWEST * most, most, count)})
        return Search(
            counts, lambda x, n, m: replace(denoiser, iterations=n)(x, Level(), m), "iterations", "training iterations"
        )
    raise ValueError(f"{denoiser.spec.name} is blind: sigma changes nothing, so there is nothing to tune.")


@node("Auto-Tune Sigma (no reference needed)", "Measure", ("Noise2Self", "J-invariance", "calibrate"))
class AutoTune:
    """Picks the sigma that suits a denoiser and a picture best, or the iterations of a zero-shot one."""

    DESCRIPTION = (
        "Tries noise levels and keeps the one whose denoised picture predicts hidden pixels best (J-invariance, "
        "Noise2Self, arXiv 1901.11365). Needs no clean picture, but noise that is independent from pixel to pixel."
    )
    RETURN_TYPES = ("FLOAT", "IMAGE", "STRING", "DENOISER")
    RETURN_NAMES = ("sigma", "chart", "report", "denoiser")
    OUTPUT_TOOLTIPS = (
        "The best noise level on the 0–255 scale, for a sigma input; 0 for a zero-shot denoiser.",
        "The self-supervised error over the settings tried.",
        "The settings and their errors as text.",
        "The denoiser; a zero-shot one with the best number of iterations.",
    )
    FUNCTION = "tune"

    @classmethod
    def INPUT_TYPES(cls) -> dict:  # noqa: N802
        """The inputs as ComfyUI reads them."""
        level = {"min": 0.5, "max": 255.0, "step": 0.5}
        return {
            "required": {
                "denoiser": (
                    "DENOISER",
                    {
                        "tooltip": "A denoiser that listens to sigma, or Zero-Shot Denoiser, whose iterations are then "
                        "tuned; a blind one always answers alike."
                    },
                ),
                "image": ("IMAGE", {"tooltip": "The noisy picture; the first frame of a batch decides."}),
                "lowest_sigma": ("FLOAT", {**level, "default": 5.0, "tooltip": "Smallest level tried, 0–255 scale."}),
                "highest_sigma": ("FLOAT", {**level, "default": 75.0, "tooltip": "Largest level tried, 0–255 scale."}),
                "candidates": ("INT", {"default": 7, "min": 2, "max": 30, "tooltip": "How many levels are tried."}),
                "masks": (
                    "INT",
                    {
                        "default": 2,
                        "min": 1,
                        "max": 16,
                        "tooltip": "Grids of hidden pixels per level; more is steadier.",
                    },
                ),
            },
            "hidden": {"node_id": "UNIQUE_ID"},
        }

    def tune(
        self,
        denoiser,
        image: Tensor,
        lowest_sigma: float,
        highest_sigma: float,
        candidates: int,
        masks: int,
        node_id: str | None = None,
    ) -> dict:
        """The best setting, a chart and a report."""
        search = search_for(denoiser, lowest_sigma, highest_sigma, candidates)
        planes, _ = split(image[:1])
        tuning = auto_tune(search.run, planes, search.settings, masks=masks, monitor=host.monitor(node_id))
        errors = [255 * loss**0.5 for loss in tuning.losses]
        best = search.settings[tuning.best]
        rows = zip(search.settings, errors, strict=True)
        lines = [f"{search.name} {value:{_width(value)}}: hidden-pixel error {error:.3f}" for value, error in rows]
        report = "\n".join([f"best {search.name} {_words(best)}", *lines])
        chart = line_chart(
            [Series(denoiser.spec.name, search.settings, errors)],
            title="Error on hidden pixels (lower is better)",
            x_label=search.label,
            y_label="RMS error (0–255)",
        )
        if search.name == "sigma":
            return answer(report, best, chart, report, denoiser)
        return answer(report, 0.0, chart, report, replace(denoiser, iterations=best))


def _width(value: float) -> str:
    return "6d" if isinstance(value, int) else "6.2f"


def _words(value: float) -> str:
    return str(value) if isinstance(value, int) else f"{value:.2f} (0–255)"
