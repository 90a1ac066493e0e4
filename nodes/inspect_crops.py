"""Compare Crops: the same place in several pictures, pixel by pixel."""

from __future__ import annotations

from torch import Tensor

from .. import host
from ..imaging.compare import busiest_window, crop_window, same_crops, signed_difference
from ..imaging.layout import check_image
from ..imaging.metrics import psnr
from .common import answer, decibel_words
from .registry import node
from .tables import connected, numbered
from .widgets import integer, real, switch


@node("Compare Crops", category="Measure", aliases=("zoom", "1:1", "pixel peeping", "side by side", "difference"))
class CompareCrops:
    """Synchronised crops with labels."""

    DESCRIPTION = (
        "Cuts the same window out of up to eight pictures and puts the crops side by side at full resolution, each "
        "with its label. With a clean reference the labels carry the PSNR, and the differences are shown below."
    )
    RETURN_TYPES = ("IMAGE", "STRING")
    RETURN_NAMES = ("crops", "report")
    OUTPUT_TOOLTIPS = ("All crops in one picture, with labels.", "Where the window lies, and the labels.")
    FUNCTION = "compare"
    OUTPUT_NODE = True

    @classmethod
    def INPUT_TYPES(cls):  # noqa: N802
        """Inputs in the order of saved workflows: append only."""
        labels = {
            "default": "noisy, denoised",
            "tooltip": "Names of the pictures in order, with commas between; missing ones become numbers.",
        }
        share = "Where the window's centre lies, {}: 0 and 1 are the borders. −0.01 = where the most detail is."
        return {
            "required": {
                "image_1": ("IMAGE", {"tooltip": "The first picture; of a batch the first is shown."}),
                "labels": ("STRING", labels),
                "side": integer(200, 16, 2048, "Side of the window in pixels."),
                "zoom": integer(2, 1, 16, "Every pixel becomes a square of so many pixels; nothing is smoothed."),
                "x": real(-0.01, -0.01, 1.0, 0.01, share.format("from left to right")),
                "y": real(-0.01, -0.01, 1.0, 0.01, share.format("from top to bottom")),
                "difference_gain": real(4.0, 1.0, 50.0, 0.5, "How much differences from the reference are amplified."),
                "dark": switch(True, "Light text on dark instead of dark on light."),
            },
            "optional": {
                **numbered("IMAGE", "image", "One more picture of the same size.", first=2),
                "reference": (
                    "IMAGE",
                    {"tooltip": "The clean picture: adds PSNR, its own crop, and differences below."},
                ),
            },
        }

    def compare(self, image_1, labels, side, zoom, x, y, difference_gain, dark, reference=None, **images):
        """PSNR is of the whole pictures, not of the crops."""
        pictures = connected("image", {"image_1": image_1, **images})
        pictures = [_planes(p, name) for name, p in pictures.items()]
        names = [name.strip() for name in labels.split(",") if name.strip()]
        names = [*names, *(f"picture {n + 1}" for n in range(len(names), len(pictures)))][: len(pictures)]
        clean = None if reference is None else _planes(reference, "reference")
        guide = busiest_window(clean if clean is not None else pictures[-1], side)
        centre = (x if x >= 0 else guide[0], y if y >= 0 else guide[1])
        shown, words, measured = pictures, names, names
        if clean is not None:
            same_crops([clean, *pictures], ["reference", *names], side, centre)  # says which picture has another size
            measured = [f"{name} · {_decibels(clean, p)}" for name, p in zip(names, pictures, strict=True)]
            differences = [signed_difference(clean, p, difference_gain) for p in (clean, *pictures)]
            shown = [clean, *pictures, *differences]
            gain = f"difference ×{difference_gain:g}"
            words = ["reference", *measured, "gray = no difference", *(gain for _ in pictures)]
        crops = same_crops(shown, words, side, centre, zoom, len(pictures) + (clean is not None), dark)
        rows, columns = crop_window(shown[0].shape[1], shown[0].shape[2], side, centre)
        report = "\n".join([f"rows {rows.start}–{rows.stop}, columns {columns.start}–{columns.stop}", *measured])
        return answer(report, crops, report, images=host.show_images(crops))


def _planes(picture: Tensor, name: str) -> Tensor:
    picture = check_image(picture, name)[:1, ..., :3].float().cpu()
    return picture.expand(*picture.shape[:3], 3)


def _decibels(reference: Tensor, image: Tensor) -> str:
    return decibel_words(float(psnr(reference, image)))
