"""What several nodes share: the 0–255 scale of sigma, seeds, text on the node."""

from __future__ import annotations

import math
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from torch import Tensor

from ..imaging.estimation import estimate_sigma
from ..imaging.layout import split
from ..imaging.level import DenoiseError
from ..models.contract import Denoiser
from .masks import fitted, is_placeholder

SIGMA_SCALE = 255
"""Nodes speak of sigma on the 0–255 scale of the literature, Python code of [0,1]."""
CHART_TEXT = 1.25
"""Text and strokes of charts on nodes, which show them smaller than they are."""
FULL_SEED = 0xFFFFFFFFFFFFFFFF


def seed_input() -> tuple[str, dict[str, Any]]:
    """The `seed` widget every random node has."""
    tooltip = "The same seed, frame number and settings always give the same random numbers, on every machine."
    return ("INT", {"default": 0, "min": 0, "max": FULL_SEED, "control_after_generate": True, "tooltip": tooltip})


def first_frame_input() -> tuple[str, dict[str, Any]]:
    """The `first_frame` widget: noise of a batch may be drawn in parts."""
    tooltip = (
        "Number of the first frame of this batch. Frame k alone with first frame k gets the same random numbers as "
        "frame k of a whole batch, so that a long clip may be worked on in parts."
    )
    return ("INT", {"default": 0, "min": 0, "max": 2**31 - 1, "tooltip": tooltip})


def sigma_input() -> tuple[str, dict[str, Any]]:
    """The `sigma` widget of nodes that run a denoiser."""
    tooltip = (
        "Noise level (standard deviation) on the 0–255 scale of the literature. 0 = automatic: blind denoisers find it "
        "by themselves, for the others it is measured in the picture."
    )
    return ("FLOAT", {"default": 0.0, "min": 0.0, "max": 255.0, "step": 0.5, "round": 0.01, "tooltip": tooltip})


def decibel_words(psnr: float) -> str:
    """A PSNR for people: that of equal pictures is infinite."""
    return "identical" if math.isinf(psnr) else f"{psnr:.2f} dB"


def noise_level(
    denoiser: Denoiser, image: Tensor, sigma: float, always_used: bool = False
) -> tuple[float | Tensor | None, str]:
    """The sigma of the node's scale as [0,1] for the denoiser (None = blind), and words for it.

    Args:
        always_used: sigma is for more than the denoiser, which may be blind; so it is measured for blind ones, too.
    """
    if sigma > 0:
        unused = "" if always_used or denoiser.spec.needs_sigma else " not used, as it is blind"
        return sigma / SIGMA_SCALE, f"sigma {sigma:g}{unused}"
    if not (always_used or denoiser.spec.needs_sigma):
        return None, "blind"
    estimate = estimate_sigma(split(image)[0])
    values = [f"{SIGMA_SCALE * value:.1f}" for value in estimate.tolist()]
    return estimate, f"sigma {', '.join(values)} (measured)"


def mapped_level(denoiser: Denoiser, image: Tensor, sigma: float, mask: Tensor) -> tuple[Tensor, str]:
    """A mask as the noise level of every pixel, [B or 1,1,H,W] on the [0,1] scale, and words for it.

    Args:
        sigma: on the 0–255 scale, what white stands for; 0 = the mask is sigma itself, white = 255. mask: [B or 1,H,W].

    Raises:
        DenoiseError: a denoiser that is blind, or a mask that does not belong to the picture.
    """
    if not denoiser.spec.needs_sigma:
        raise DenoiseError(f"{denoiser.spec.name} is blind and takes no sigma_map; disconnect it, or load FFDNet.")
    if is_placeholder(mask, image):
        raise DenoiseError(
            "sigma_map is the empty mask that Load Image gives for a picture without alpha, and says that there is no "
            "noise; draw a mask, or disconnect it."
        )
    level = fitted(mask, image, "sigma_map").clamp_min(0) * (sigma / SIGMA_SCALE if sigma > 0 else 1.0)
    return level, f"sigma map, mean {SIGMA_SCALE * float(level.mean()):.1f}"


def facts(notes: dict[str, object], image: Tensor) -> str:
    """What a run noted about itself (tiles, halo, precision, device), in one line without the time."""
    words = [f"{image.shape[2]}×{image.shape[1]}" + (f" × {image.shape[0]}" if image.shape[0] > 1 else "")]
    tiles = notes.get("tiles")
    if isinstance(tiles, int):
        words.append("one tile" if tiles == 1 else f"{tiles} tiles, halo {notes.get('halo')} px")
    words += [str(notes[name]) for name in ("precision", "device") if name in notes]
    known = ("tiles", "halo", "precision", "device", "seconds")
    return " · ".join(words + [f"{name}: {value}" for name, value in notes.items() if name not in known])


def always_changed() -> float:
    """For IS_CHANGED, where a file's name comes through a link, which it is not told: equal to nothing.

    A new one each time, as sets take the very same object for equal to itself.
    """
    return float("nan")


def state_of(files: Iterable[Path]) -> str:
    """Changes when one of the files does; for a node's IS_CHANGED."""
    return " ".join(f"{state.st_mtime_ns}-{state.st_size}" for state in (file.stat() for file in files))


def answer(text: str, *outputs: object, **shown: Any) -> dict[str, Any]:
    """A node's result with text for its text box, if it has one; `shown` are further entries of `ui`, as images."""
    return {"ui": {"text": [text], **shown}, "result": outputs}
