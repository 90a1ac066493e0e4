"""How much noise is in a picture, and denoisers fitted to noise that grows with brightness."""

from __future__ import annotations

from math import sqrt
from statistics import fmean

import torch

from .. import host
from ..imaging.colour_map import heat
from ..imaging.estimation import METHODS, NoiseMeasurement, estimate_sigma, measure_noise
from ..imaging.estimation_map import estimate_sigma_map
from ..imaging.estimation_signal import PoissonGaussian, fit_poisson_gaussian
from ..imaging.layout import split
from ..models.wrappers.stabilised import VarianceStabilised
from .common import SIGMA_SCALE, answer
from .registry import node
from .widgets import choice, integer

BRIGHTNESSES = (0.1, 0.5, 0.9)


def _words(measured: NoiseMeasurement) -> str:
    """One frame's noise in a sentence or two."""
    white = SIGMA_SCALE * measured.white
    if not measured.correlated:
        return f"white noise, sigma {white:.2f}" + ", most of it the same in all channels" * measured.shared
    flat = "" if measured.flat is None else f"; the flattest areas vary by {SIGMA_SCALE * measured.flat:.2f}"
    return (
        f"neighbouring pixels share their noise (demosaicing, JPEG or resizing), so sigma {white:.2f} of the white "
        f"part is a lower bound{flat}"
    )


def _curve(fit: PoissonGaussian) -> str:
    at = ", ".join(f"{(fit.a * x + fit.b) ** 0.5 * SIGMA_SCALE:.2f} at {x:g}" for x in BRIGHTNESSES)
    return f"variance = {fit.a:.3g} · brightness + {fit.b:.3g}: sigma {at}"


@node("Estimate Noise", "Noise", ("noise level", "sigma", "measure noise", "noise map"))
class EstimateNoise:
    """Sigma, a map of it, and how it depends on brightness."""

    DESCRIPTION = (
        "Measures the noise in a picture without a clean one: sigma for any denoiser, where it is how strong, how it "
        "grows with brightness, and whether neighbouring pixels share it."
    )
    RETURN_TYPES = ("FLOAT", "MASK", "IMAGE", "FLOAT", "FLOAT", "STRING")
    RETURN_NAMES = ("sigma", "sigma_map", "map_view", "a", "b", "report")
    OUTPUT_TOOLTIPS = (
        "Standard deviation on the 0–255 scale, for a sigma input; of a batch, the root mean square.",
        "Local sigma of every pixel as a mask: 1 = 255 on the 0–255 scale.",
        "The map in false colours, from 0 (dark) to its highest value (pale yellow).",
        "Shot noise of the fit variance = a · brightness + b, on the 0–1 scale; for Variance Stabilise.",
        "Read noise of the fit variance = a · brightness + b, on the 0–1 scale; for Variance Stabilise.",
        "What was found, frame by frame.",
    )
    FUNCTION = "estimate"

    @classmethod
    def INPUT_TYPES(cls) -> dict:  # noqa: N802
        """The inputs as ComfyUI reads them."""
        methods = (
            "auto: patch_pca, but flat_areas where neighbouring pixels share their noise. patch_pca: white noise, by "
            "the directions that patches of the picture leave unused. flat_areas: all that varies in the flattest "
            "places. mad: by wavelets, quick and crude."
        )
        window = "Side in pixels of the square that one value of the map is measured on; smaller is less certain."
        return {
            "required": {
                "image": ("IMAGE", {"tooltip": "The noisy picture or batch; alpha is ignored."}),
                "method": choice(METHODS, methods),
                "map_window": integer(48, 8, 512, window),
            }
        }

    def estimate(self, image, method, map_window) -> dict:
        """All measurements of every frame; numbers are averaged over the batch."""
        planes, _ = split(image)
        monitor = host.monitor()
        sigmas, maps, fits, lines = [], [], [], []
        for index, frame in enumerate(planes.split(1)):
            measured = measure_noise(frame)
            sigma = measured[0].sigma if method == "auto" else estimate_sigma(frame, method).item()
            sigmas.append(SIGMA_SCALE * sigma)
            maps.append(estimate_sigma_map(frame, map_window, measured)[:, 0])
            fits.append(fit_poisson_gaussian(frame, measured)[0])
            lines.append(f"frame {index}: {_words(measured[0])}; {_curve(fits[-1])}")
            monitor.advance((index + 1) / len(planes))
        sigma, local = sqrt(fmean(value**2 for value in sigmas)), torch.cat(maps)
        view = heat(local / max(float(local.max()), 1e-6))
        report = "\n".join([f"sigma {sigma:.2f} ({method})", *lines])
        return answer(report, sigma, local, view, fmean(fit.a for fit in fits), fmean(fit.b for fit in fits), report)


def _coefficient(tooltip: str) -> tuple:
    return ("FLOAT", {"default": 0.0, "min": 0.0, "max": 10.0, "step": 0.0001, "round": False, "tooltip": tooltip})


@node("Variance Stabilise", "Denoisers", ("Anscombe", "Poisson noise", "shot noise", "VST"))
class VarianceStabilise:
    """The generalised Anscombe transform around any denoiser."""

    DESCRIPTION = (
        "Fits a denoiser made for Gaussian noise to shot and read noise, whose variance is a · brightness + b: the "
        "noise is made equally strong everywhere, removed, and the brightness restored without bias."
    )
    RETURN_TYPES = ("DENOISER",)
    RETURN_NAMES = ("denoiser",)
    OUTPUT_TOOLTIPS = ("The fitted denoiser; it knows its noise and does not listen to sigma.",)
    FUNCTION = "make"

    @classmethod
    def INPUT_TYPES(cls) -> dict:  # noqa: N802
        """The inputs as ComfyUI reads them."""
        both = "a and b both 0 = measured in every picture."
        return {
            "required": {
                "denoiser": (
                    "DENOISER",
                    {"tooltip": "A denoiser of Gaussian noise, told sigma or blind."},
                ),
                "a": _coefficient(f"Shot noise: variance per brightness, 0–1 scale, linear light. {both}"),
                "b": _coefficient(f"Read noise: variance in black, 0–1 scale. {both}"),
            }
        }

    def make(self, denoiser, a, b) -> tuple:
        """The wrapped denoiser."""
        return (VarianceStabilised(denoiser, a, b) if a + b > 0 else VarianceStabilised(denoiser),)
