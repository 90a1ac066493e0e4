"""Trajectory Strip: the steps of a sampler in one picture, or as a short animation."""

from __future__ import annotations

import math

import torch.nn.functional as F
from torch import Tensor

from .. import host
from ..imaging.labelled_grid import labelled_grid
from ..imaging.layout import check_image
from ..imaging.level import DenoiseError
from ..imaging.metrics import psnr
from .common import answer, decibel_words
from .registry import node
from .widgets import choice, integer, real, switch

GRID, ANIMATION = "grid", "animation"
STEP = "{n}"


@node("Trajectory Strip", category="Measure", aliases=("contact sheet", "steps", "film strip", "grid", "animation"))
class TrajectoryStrip:
    """Every step with its number, and with its PSNR when the clean picture is known."""

    DESCRIPTION = (
        "Joins the pictures of a trajectory into one labelled strip or grid, and shows them on the node as a grid or "
        "as an animation. With a clean reference every step carries its PSNR."
    )
    RETURN_TYPES = ("IMAGE", "IMAGE", "STRING")
    RETURN_NAMES = ("strip", "steps", "report")
    OUTPUT_TOOLTIPS = (
        "All chosen steps in one picture, with labels.",
        "The chosen steps as a batch, as large as on the strip.",
        "The labels, one per line.",
    )
    FUNCTION = "join"
    OUTPUT_NODE = True

    @classmethod
    def INPUT_TYPES(cls):  # noqa: N802
        """Inputs in the order of saved workflows: append only."""
        label = {"default": f"step {STEP}", "tooltip": f"Text over each picture; {STEP} is its number, from 0."}
        return {
            "required": {
                "images": ("IMAGE", {"tooltip": "A trajectory, as samplers and loops give it, or any batch."}),
                "show": choice([GRID, ANIMATION], "What is shown on the node; the strip comes out in both cases."),
                "every": integer(1, 1, 1000, "Take every n-th picture; the first and the last are always there."),
                "columns": integer(0, 0, 100, "Pictures per row; 0 = automatic, about as wide as high or wider."),
                "side": integer(320, 64, 4096, "Longer side of a picture in pixels; larger pictures are scaled down."),
                "label": ("STRING", label),
                "speed": real(4.0, 0.5, 30.0, 0.5, "Pictures per second of the animation."),
                "dark": switch(True, "Light text on dark instead of dark on light."),
            },
            "optional": {
                "reference": ("IMAGE", {"tooltip": "The clean picture: adds the PSNR of every step to its label."})
            },
        }

    def join(self, images, show, every, columns, side, label, speed, dark, reference=None):
        """PSNR is measured at full size, before the pictures are scaled down."""
        images = check_image(images, "images")[..., :3].float().cpu()
        chosen = sorted({*range(0, len(images), every), len(images) - 1})
        labels = [label.replace(STEP, str(index)) for index in chosen]
        if reference is not None:
            clean, pictures = _comparable(reference, images)
            quality = [decibel_words(float(psnr(clean[k : k + 1], pictures[k : k + 1]))) for k in chosen]
            labels = [f"{words} · {decibels}" for words, decibels in zip(labels, quality, strict=True)]
        small = _scaled(images[chosen], side).clamp(0, 1)
        columns = columns or _automatic_columns(len(small), *small.shape[1:3])
        strip = labelled_grid(list(small.split(1)), labels, columns, dark)
        report = "\n".join(labels)
        shown = host.show_animation(small, speed) if show == ANIMATION else {"images": host.show_images(strip)}
        return answer(report, strip, small, report, **shown)


def _comparable(reference: Tensor, images: Tensor) -> tuple[Tensor, Tensor]:
    """Both in one shape: a single reference is that of every picture, and gray counts as RGB beside RGB."""
    reference = check_image(reference, "reference")[..., :3].float().cpu()
    if reference.shape[1:3] != images.shape[1:3]:
        raise DenoiseError(
            f"reference is {tuple(reference.shape[1:3])} and the pictures are {tuple(images.shape[1:3])} (height, "
            "width); give the clean picture at their size."
        )
    if len(reference) not in (1, len(images)):
        raise DenoiseError(
            f"reference holds {len(reference)} pictures and images {len(images)}; give the one clean picture that all "
            "are steps to, or one for each."
        )
    shape = (*images.shape[:3], max(images.shape[-1], reference.shape[-1]))
    return reference.expand(shape), images.expand(shape)


def _scaled(images: Tensor, side: int) -> Tensor:
    scale = side / max(images.shape[1:3])
    if scale >= 1:
        return images
    size = [max(1, round(scale * length)) for length in images.shape[1:3]]
    return F.interpolate(images.permute(0, 3, 1, 2), size=size, mode="area").permute(0, 2, 3, 1)


def _automatic_columns(count: int, height: int, width: int) -> int:
    """One row while it is at most six times as wide as high, else a grid about twice as wide as high."""
    if count * width <= 6 * height:
        return count
    return min(count, max(1, math.ceil(math.sqrt(2 * count * height / width))))
