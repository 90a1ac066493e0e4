"""Choosing a denoiser's noise level without a clean picture."""

from __future__ import annotations

import numpy as np
from torch import Tensor

from .. import host
from ..imaging.charts import Series, line_chart
from ..imaging.layout import split
from ..imaging.level import Level
from ..models.autotune import auto_tune
from .common import answer
from .registry import node


def sigma_levels(lowest: float, highest: float, count: int) -> list[float]:
    """`count` noise levels from lowest to highest, evenly spaced in ratio; all on the 0–255 scale."""
    if not 0 < lowest < highest:
        raise ValueError(f"lowest sigma ({lowest}) must be above 0 and below highest sigma ({highest}).")
    return np.geomspace(lowest, highest, count).tolist()


@node("Auto-Tune Sigma (no reference needed)", "Measure", ("Noise2Self", "J-invariance", "calibrate"))
class AutoTune:
    """Picks the sigma that suits a denoiser and a picture best."""

    DESCRIPTION = (
        "Tries noise levels and keeps the one whose denoised picture predicts hidden pixels best (J-invariance, "
        "Noise2Self, arXiv 1901.11365). Needs no clean picture, but noise that is independent from pixel to pixel."
    )
    RETURN_TYPES = ("FLOAT", "IMAGE", "STRING")
    RETURN_NAMES = ("sigma", "chart", "report")
    OUTPUT_TOOLTIPS = (
        "The best noise level on the 0–255 scale, for a sigma input.",
        "The self-supervised error over the noise levels tried.",
        "The levels and their errors as text.",
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
                    {"tooltip": "A denoiser that listens to sigma; a blind one always answers alike."},
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
        """The best sigma, a chart and a report."""
        if not denoiser.spec.needs_sigma:
            raise ValueError(f"{denoiser.spec.name} is blind: sigma changes nothing, so there is nothing to tune.")
        planes, _ = split(image[:1])
        levels = sigma_levels(lowest_sigma, highest_sigma, candidates)
        tuning = auto_tune(
            lambda picture, sigma, monitor: denoiser(picture, Level(sigma / 255), monitor),
            planes,
            levels,
            masks=masks,
            monitor=host.monitor(node_id),
        )
        errors = [255 * loss**0.5 for loss in tuning.losses]
        report = "\n".join(
            f"sigma {level:6.2f}: hidden-pixel error {error:.3f}" for level, error in zip(levels, errors, strict=True)
        )
        best = levels[tuning.best]
        report = f"best sigma {best:.2f} (0–255)\n{report}"
        chart = line_chart(
            [Series(denoiser.spec.name, levels, errors)],
            title="Error on hidden pixels (lower is better)",
            x_label="sigma told to the denoiser (0–255)",
            y_label="RMS error (0–255)",
        )
        return answer(report, best, chart, report)
