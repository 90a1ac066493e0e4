"""Uncertainty Map: where a denoiser guesses."""

from __future__ import annotations

import time

from .. import host
from ..imaging.layout import split
from ..imaging.level import Level
from ..imaging.spread import spread_of
from ..models.uncertainty import can_draw
from ..models.uncertainty import draws as draw
from ..models.wrappers.ensemble import EIGHT, views
from .common import SIGMA_SCALE, answer, first_frame_input, noise_level, seed_input, sigma_input
from .registry import node


@node("Uncertainty Map", "Denoise", ("VAE draws", "confidence", "spread", "error map"))
class UncertaintyMap:
    """Mean and spread of several answers."""

    DESCRIPTION = (
        "Asks a denoiser several times and shows where its answers differ, which is where the mean is least to be "
        "trusted. A denoising VAE draws its answers; any other denoiser answers to the eight flips and turns of the "
        "picture."
    )
    RETURN_TYPES = ("IMAGE", "IMAGE", "STRING")
    RETURN_NAMES = ("image", "uncertainty", "report")
    OUTPUT_TOOLTIPS = (
        "The mean of all answers.",
        "Standard deviation of the answers as gray, times the gain: black = all agree.",
        "How the answers were made, and their mean spread on the 0–255 scale.",
    )
    FUNCTION = "ask"

    @classmethod
    def INPUT_TYPES(cls):  # noqa: N802
        """Inputs in the order of saved workflows: append only."""
        gain = {
            "default": 10.0,
            "min": 0.1,
            "max": 1000.0,
            "step": 0.1,
            "tooltip": "Brightness of the uncertainty picture: white is a standard deviation of 1 / gain.",
        }
        count = {
            "default": 16,
            "min": 2,
            "max": 1000,
            "tooltip": "Answers a VAE draws; time grows with it. Other denoisers always give eight.",
        }
        return {
            "required": {
                "denoiser": ("DENOISER", {"tooltip": "A denoising VAE, or any other denoiser."}),
                "image": ("IMAGE", {"tooltip": "The noisy picture or batch: RGB, RGBA or gray, any size."}),
                "sigma": sigma_input(),
                "draws": ("INT", count),
                "gain": ("FLOAT", gain),
                "seed": seed_input(),
                "first_frame": first_frame_input(),
            }
        }

    def ask(self, denoiser, image, sigma, draws, gain, seed, first_frame):
        """Mean, uncertainty and words."""
        started, monitor = time.perf_counter(), host.monitor()
        planes, layout = split(image)
        level, words = noise_level(denoiser, image, sigma)
        if can_draw(denoiser):
            answers = draw(denoiser, planes, draws, seed, first_frame=first_frame, monitor=monitor)
            how = f"{draws} draws"
        else:
            answers, how = views(denoiser, planes, Level(level), monitor), f"{len(EIGHT)} flips and turns"
        found = spread_of(answers)
        spread = found.deviation.square().mean(dim=1, keepdim=True).sqrt()
        report = (
            f"{denoiser.spec.name} · {words} · {how} · mean spread {SIGMA_SCALE * float(spread.mean()):.2f} (0–255)"
        )
        report += f" · {time.perf_counter() - started:.2f} s"
        gray = (gain * spread).clamp(0, 1).expand(-1, 3, -1, -1).permute(0, 2, 3, 1).contiguous()
        return answer(report, layout.restore_like(found.mean, image), gray.to(layout.device), report)
