"""Denoisers that need no weight file: classical filters, and a network that learns from the one picture."""

from __future__ import annotations

from .. import host
from ..models.classical.base import classical
from ..models.zero_shot import ZeroShotDenoiser
from .common import seed_input
from .registry import node


def _titles() -> dict[str, str]:
    return {method.title: name for name, method in classical().items()}


@node("Classical Denoiser (NLM, BM3D, TV, Bilateral, Wavelet)", "Denoisers", ("non-local means", "Perona-Malik"))
class ClassicalDenoiser:
    """A filter without any training, as a denoiser."""

    DESCRIPTION = (
        "A classical filter on the same socket as the trained networks: a yardstick, and a safe choice where a network "
        "would invent detail. It needs the noise level; without one it estimates it from the picture."
    )
    RETURN_TYPES = ("DENOISER",)
    RETURN_NAMES = ("denoiser",)
    OUTPUT_TOOLTIPS = ("The filter as a denoiser, for every node with a denoiser input.",)
    FUNCTION = "make"

    @classmethod
    def INPUT_TYPES(cls) -> dict:  # noqa: N802
        """The inputs as ComfyUI reads them."""
        method = {
            "default": classical()["nlm"].title,
            "tooltip": "Non-local means is the strongest that is always there; BM3D needs 'pip install bm3d' "
            "(non-commercial licence).",
        }
        strength = {
            "default": 1.0,
            "min": 0.1,
            "max": 5.0,
            "step": 0.05,
            "tooltip": "Multiplies the noise level the filter is told; above 1 smooths more.",
        }
        return {"required": {"method": (list(_titles()), method), "strength": ("FLOAT", strength)}}

    def make(self, method: str, strength: float) -> tuple:
        """The chosen filter, if what it needs is installed."""
        return (classical()[_titles()[method]].ready().with_strength(strength),)


@node("Zero-Shot Denoiser (learns from the picture itself)", "Denoisers", ("Noise2Noise", "self-supervised", "ZS-N2N"))
class ZeroShot:
    """A tiny network trained on the spot."""

    DESCRIPTION = (
        "Zero-Shot Noise2Noise (arXiv 2303.11253): trains a tiny network on each picture while denoising it. Nothing "
        "has to be known about the scene or the noise, except that the noise of neighbouring pixels is independent."
    )
    RETURN_TYPES = ("DENOISER",)
    RETURN_NAMES = ("denoiser",)
    OUTPUT_TOOLTIPS = ("A denoiser that trains for every picture it is given.",)
    FUNCTION = "make"

    @classmethod
    def INPUT_TYPES(cls) -> dict:  # noqa: N802
        """The inputs as ComfyUI reads them."""
        iterations = {
            "default": 1000,
            "min": 50,
            "max": 5000,
            "step": 50,
            "tooltip": "Training steps per picture; 1000 take about 15 seconds on two CPU cores with AMX, minutes "
            "without.",
        }
        return {"required": {"iterations": ("INT", iterations), "seed": seed_input()}}

    def make(self, iterations: int, seed: int) -> tuple:
        """The denoiser; training happens when it is used."""
        return (ZeroShotDenoiser(iterations=iterations, seed=seed, device=host.device_name()),)
