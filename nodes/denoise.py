"""Denoise Image: the one node most people need."""

from __future__ import annotations

import time

from .. import host
from ..api import denoise
from .common import answer, facts, mapped_level, noise_level, sigma_input
from .registry import node


@node(
    "Denoise Image",
    category="Denoise",
    aliases=("remove noise", "noise reduction", "clean photo", "grain removal", "film grain"),
)
class DenoiseImage:
    """One call of the denoiser."""

    DESCRIPTION = (
        "Removes the noise from a picture, at its full size and with its alpha. Works on photos, batches and frames of "
        "a clip; big pictures are tiled without visible seams."
    )
    RETURN_TYPES = ("IMAGE", "STRING")
    RETURN_NAMES = ("image", "report")
    OUTPUT_TOOLTIPS = (
        "The clean picture, with the size and type of the input.",
        "What was done: sigma, tiles, precision, device, seconds.",
    )
    FUNCTION = "denoise"

    @classmethod
    def INPUT_TYPES(cls):  # noqa: N802
        """Inputs in the order of saved workflows: append only."""
        return {
            "required": {
                "denoiser": ("DENOISER", {"tooltip": "From Load Denoiser, or any node that makes one."}),
                "image": ("IMAGE", {"tooltip": "The noisy picture or batch: RGB, RGBA or gray, any size."}),
                "sigma": sigma_input(),
                "strength": (
                    "FLOAT",
                    {
                        "default": 1.0,
                        "min": 0.0,
                        "max": 1.0,
                        "step": 0.01,
                        "display": "slider",
                        "tooltip": "1 = the denoised picture, 0 = the input; between, a blend that keeps some grain.",
                    },
                ),
            },
            "optional": {
                "sigma_map": (
                    "MASK",
                    {
                        "tooltip": "Where the noise is how strong, for denoisers that take a map (FFDNet, DRUNet, "
                        "FDnCNN). With sigma above 0, white stands for that sigma; with 0, for 255, as Estimate Noise "
                        "gives it."
                    },
                )
            },
        }

    def denoise(self, denoiser, image, sigma, strength, sigma_map=None):
        """Blend of input and clean estimate."""
        started = time.perf_counter()
        if sigma_map is None:
            level, words = noise_level(denoiser, image, sigma)
        else:
            level, words = mapped_level(denoiser, image, sigma, sigma_map)
        monitor = host.monitor()
        clean = denoise(image, denoiser, sigma=level, strength=strength, monitor=monitor)
        seconds = f"{time.perf_counter() - started:.2f} s"
        blend = [] if strength == 1 else [f"strength {strength:g}"]
        report = " · ".join([denoiser.spec.name, words, *blend]) + f"\n{facts(monitor.notes, image)} · {seconds}"
        return answer(report, clean, report)
