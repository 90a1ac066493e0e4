"""Seam Inspector: do tiles leave a trace?"""

from __future__ import annotations

from .. import host
from ..imaging.compare import crop_window, error_map
from ..imaging.labelled_grid import labelled_grid
from ..imaging.layout import check_image, split
from ..measurement.seams import compare_tiles
from .common import SIGMA_SCALE, answer, noise_level, sigma_input
from .registry import node
from .widgets import integer, real


@node("Seam Inspector", category="Measure", aliases=("tiles", "tile error", "halo", "overlap"))
class SeamInspector:
    """The same crop denoised whole and in tiles."""

    DESCRIPTION = (
        "Denoises a crop once whole and once in tiles, with the denoiser's own halo, and shows the difference: the "
        "error that tiles bring into large pictures."
    )
    RETURN_TYPES = ("IMAGE", "FLOAT", "STRING", "IMAGE")
    RETURN_NAMES = ("difference", "largest", "report", "sheet")
    OUTPUT_TOOLTIPS = (
        "Heat map of the difference; the lightest colour is error_scale.",
        "Largest difference of a value on the 0–255 scale; below 0.5 an 8-bit file cannot show it.",
        "Verdict, tiles, halo, and the error at the seams against elsewhere.",
        "The crop in tiles beside the heat map.",
    )
    FUNCTION = "inspect"
    OUTPUT_NODE = True

    @classmethod
    def INPUT_TYPES(cls):  # noqa: N802
        """Inputs in the order of saved workflows: append only."""
        share = "Where the crop's centre lies, {}: 0 and 1 are the borders."
        return {
            "required": {
                "denoiser": ("DENOISER", {"tooltip": "A network, as Load Denoiser gives it."}),
                "image": ("IMAGE", {"tooltip": "A noisy picture; the first of a batch is used."}),
                "sigma": sigma_input(),
                "tile": integer(
                    *(0, 0, 4096),
                    "Side of a tile in pixels; 0 = as Load Denoiser says, and where that is automatic half of the "
                    "crop, so that it has seams.",
                ),
                "crop": integer(512, 128, 4096, "Side of the crop in pixels; it is denoised twice."),
                "x": real(0.5, 0.0, 1.0, 0.01, share.format("from left to right")),
                "y": real(0.5, 0.0, 1.0, 0.01, share.format("from top to bottom")),
                "error_scale": real(
                    0.5, 0.001, 255.0, 0.001, "Difference (0–255) that gets the lightest colour; 0.5 is half a level."
                ),
            },
            "hidden": {"node_id": "UNIQUE_ID"},
        }

    def inspect(self, denoiser, image, sigma, tile, crop, x, y, error_scale, node_id=None):
        """The crop is cut before denoising, so that both runs see the same borders."""
        image = check_image(image)[:1]
        rows, columns = crop_window(image.shape[1], image.shape[2], crop, (x, y))
        image = image[:, rows, columns]
        level, _ = noise_level(denoiser, image, sigma)
        report = compare_tiles(denoiser, split(image)[0], level, tile, host.monitor(node_id))
        error = report.error[None, :, :, None]
        heat = error_map(error * 0, error, error_scale / SIGMA_SCALE)
        tiled = report.tiled.permute(0, 2, 3, 1).clamp(0, 1)
        sheet = labelled_grid([tiled, heat], ["in tiles", f"difference, lightest = {error_scale:g}/255"], columns=2)
        words = "\n".join(report.lines())
        largest = SIGMA_SCALE * float(report.error.max())
        return answer(words, heat, largest, words, sheet, images=host.show_images(sheet))
