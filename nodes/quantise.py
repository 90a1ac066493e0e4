"""Quantise Denoiser: smaller weights, and what they cost."""

from __future__ import annotations

from .. import host
from ..imaging.sample_photos import CREDITS, load_sample
from ..models.placement import PlainPlacement
from ..models.quantise import KINDS, save_quantised
from ..models.quantise_report import gaussian_probes, quantise_denoiser
from .common import SIGMA_SCALE, answer
from .registry import node


@node("Quantise Denoiser", "Denoisers", ("int8", "fp16", "bf16", "compress weights", "quantize"))
class QuantiseDenoiser:
    """A denoiser whose weights take a half or a quarter of the room, unless that harms it."""

    DESCRIPTION = (
        "Stores a denoiser's weights in fewer bits and measures size, time and PSNR before and after on clean pictures "
        "with white noise. Stops when the loss is above the limit. Files and memory shrink; the speed is that of the "
        "precision chosen in Load Denoiser."
    )
    RETURN_TYPES = ("DENOISER", "STRING")
    RETURN_NAMES = ("denoiser", "report")
    OUTPUT_TOOLTIPS = ("The denoiser with smaller weights.", "Size, time and PSNR before and after, as text.")
    FUNCTION = "quantise"

    @classmethod
    def INPUT_TYPES(cls):  # noqa: N802
        """Inputs in the order of saved workflows: append only."""
        limit = {
            "default": 0.1,
            "min": 0.0,
            "max": 10.0,
            "step": 0.01,
            "tooltip": "Largest loss of PSNR in dB that is accepted; above it the node stops with an error.",
        }
        sigma = {
            "default": 25.0,
            "min": 0.5,
            "max": 255.0,
            "step": 0.5,
            "tooltip": "White noise put on the probe pictures: standard deviation on the 0–255 scale.",
        }
        return {
            "required": {
                "denoiser": ("DENOISER", {"tooltip": "A network from Load Denoiser."}),
                "weights": (
                    list(KINDS),
                    {
                        "default": "int8",
                        "tooltip": "bf16 and fp16 halve float32 weights; int8, with one scale per output channel, "
                        "quarters them.",
                    },
                ),
                "limit": ("FLOAT", limit),
                "sigma": ("FLOAT", sigma),
                "save_as": (
                    "STRING",
                    {
                        "default": "",
                        "placeholder": "my_denoiser_int8",
                        "tooltip": "Name of a new file in models/denoisers; empty = do not save.",
                    },
                ),
            },
            "optional": {
                "clean": (
                    "IMAGE",
                    {
                        "tooltip": "Clean probe pictures; the middle 256×256 of each is used. "
                        "Unconnected: the sample photos that come with the pack."
                    },
                )
            },
        }

    def quantise(self, denoiser, weights, limit, sigma, save_as, clean=None):
        """A name to save under is checked first, so that no work is lost."""
        target = host.new_denoiser_file(save_as) if save_as.strip() else None
        pictures = [load_sample(name) for name in CREDITS] if clean is None else [clean]
        probes = gaussian_probes(pictures, sigma / SIGMA_SCALE, denoiser.spec)
        plain = isinstance(getattr(denoiser, "placement", None), PlainPlacement)
        smaller, comparison = quantise_denoiser(
            denoiser, weights, probes, limit=limit, place=None if plain else host.place, monitor=host.monitor()
        )
        report = str(comparison)
        if target is not None:
            save_quantised(target, smaller.network, weights, denoiser.spec.card)
            report += f"\nsaved as {target.name}, {target.stat().st_size / 1e6:.2f} MB"
        return answer(report, smaller, report)
