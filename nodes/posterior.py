"""Denoise with Prior: many possible clean pictures, their mean, and where they disagree."""

from __future__ import annotations

import time
from typing import Any

import torch
from torch import Tensor

from .. import host
from ..imaging.layout import split
from ..schedulers.posterior import denoise_with_prior
from .common import SIGMA_SCALE, answer, facts, first_frame_input, noise_level, seed_input, sigma_input
from .registry import node
from .states import to_image
from .widgets import integer


@node("Denoise with Prior", "Denoise", ("DMID", "posterior mean", "uncertainty", "diffusion denoising"))
class DenoiseWithPrior:
    """The mean of several stochastic runs."""

    DESCRIPTION = (
        "Enters a diffusion chain at the timestep whose noise matches the picture and samples the way back several "
        "times (arXiv 2307.03992). The mean of the runs is the most faithful picture; the spread shows where they "
        "disagree, that is where detail is guessed rather than seen."
    )
    RETURN_TYPES = ("IMAGE", "IMAGE", "IMAGE", "STRING")
    RETURN_NAMES = ("image", "one_run", "spread", "report")
    OUTPUT_TOOLTIPS = (
        "The mean of all runs.",
        "The first run alone: sharper, with more invented detail.",
        "Standard deviation over the runs as gray: white = as uncertain as the noise itself, black = all agree.",
        "What was done: denoiser, sigma, runs, mean spread, tiles, precision, device, seconds.",
    )
    FUNCTION = "sample"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:  # noqa: N802
        """Inputs in the order of saved workflows: append only."""
        return {
            "required": {
                "denoiser": ("DENOISER", {"tooltip": "Best a diffusion prior, such as prior_unet2d; any other works."}),
                "image": ("IMAGE", {"tooltip": "The noisy picture or batch: RGB, RGBA or gray, any size."}),
                "sigma": sigma_input(),
                "runs": integer(8, 1, 1000, "How many clean pictures are drawn; time grows with it."),
                "steps": integer(10, 1, 1000, "Steps of each run; 1 is a plain call of the denoiser."),
                "seed": seed_input(),
                "first_frame": first_frame_input(),
            }
        }

    def sample(
        self, denoiser: Any, image: Tensor, sigma: float, runs: int, steps: int, seed: int, first_frame: int
    ) -> dict[str, Any]:
        """Mean, first run and spread."""
        started = time.perf_counter()
        level, words = noise_level(denoiser, image, sigma, always_used=True)
        monitor = host.monitor()
        planes, layout = split(image)
        drawn = denoise_with_prior(
            planes, denoiser, level, runs=runs, steps=steps, seed=seed, first_frame=first_frame, monitor=monitor
        )
        scale = torch.as_tensor(level, dtype=torch.float32).reshape(-1, 1, 1, 1).clamp_min(1e-6)
        spread = (drawn.spread.square().mean(dim=1, keepdim=True).sqrt() / scale).clamp(0, 1)
        mean_spread = SIGMA_SCALE * float(drawn.spread.square().mean().sqrt())
        report = f"{denoiser.spec.name} · {words} · {runs} runs of {drawn.steps} step{'s' * (drawn.steps > 1)}"
        report += f" · spread {mean_spread:.2f} (0–255)"
        report += f"\n{facts(monitor.notes, image)} · {time.perf_counter() - started:.2f} s"
        pictures = [layout.restore_like(planes, image) for planes in (drawn.mean, drawn.one)]
        return answer(report, *pictures, to_image(spread.expand(-1, 3, -1, -1)), report)
