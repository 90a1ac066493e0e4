"""PSNR Meter: how far two pictures are apart."""

from __future__ import annotations

from torch import Tensor

from .. import host
from ..imaging.compare import error_map, error_scale, signed_difference
from ..imaging.layout import check_image
from ..imaging.level import DenoiseError
from ..imaging.metrics_report import Protocol, measure
from .common import SIGMA_SCALE, answer
from .registry import node
from .widgets import integer, real, switch


@node("PSNR Meter", category="Measure", aliases=("ssim", "ms-ssim", "lpips", "mae", "image quality", "metric"))
class PSNRMeter:
    """Every metric per picture, their means, and where the error lies."""

    DESCRIPTION = (
        "Measures how close a picture is to its clean reference: PSNR in dB (more is better), SSIM and MS-SSIM (1 = "
        "equal), mean absolute error, and the gain over the noisy input, for each picture and as mean. Shows where the "
        "error lies. Alpha is not counted."
    )
    RETURN_TYPES = ("FLOAT", "FLOAT", "STRING", "FLOAT", "FLOAT", "FLOAT", "IMAGE", "IMAGE", "STRING", "STRING")
    RETURN_NAMES = (
        *("psnr", "ssim", "report", "ms_ssim", "mae", "gain"),
        *("error_map", "difference", "verdict", "csv"),
    )
    OUTPUT_TOOLTIPS = (
        "Mean PSNR in dB, over the pictures that differ; infinity when all are identical to the reference.",
        "Mean SSIM (11×11 Gaussian window, Wang et al. 2004); NaN when the pictures are below 11×11 pixels.",
        "The mean, the worst and one line per picture, and on what they were measured, as text.",
        "Mean MS-SSIM (five scales, Wang et al. 2003); NaN when a side has 160 pixels or fewer.",
        "Mean absolute error on the 0–255 scale.",
        "Mean gain in PSNR over the noisy input in dB; NaN when noisy is not connected.",
        "Heat map of the absolute error per pixel: dark = none, pale yellow = as much as error_scale says.",
        "Image − reference around middle gray, amplified as much as the heat map.",
        "The result in one line of plain words.",
        "A header and one row per picture, comma-separated, for a spreadsheet.",
    )
    FUNCTION = "measure"
    OUTPUT_NODE = True

    @classmethod
    def INPUT_TYPES(cls):  # noqa: N802
        """Inputs in the order of saved workflows: append only."""
        return {
            "required": {
                "reference": ("IMAGE", {"tooltip": "The clean picture; one, or as many as there are to measure."}),
                "image": ("IMAGE", {"tooltip": "The picture or batch to measure, of the same size."}),
            },
            "optional": {
                "noisy": ("IMAGE", {"tooltip": "The picture before denoising, to know what denoising has gained."}),
                "border": integer(0, 0, 1024, "Pixels left out on every side, as some papers do."),
                "luma": switch(False, "Measure the Y channel of BT.601, as some papers do, instead of RGB."),
                "eight_bit": switch(False, "Round to 8 bit first, as a saved file would and as most papers do."),
                "error_scale": real(
                    *(0.0, 0.0, 255.0, 0.5),
                    "Error (0–255) that gets the lightest colour of the heat map. 0 = automatic, from the picture.",
                ),
                "lpips": switch(False, "Also LPIPS, the learned distance; needs 'pip install lpips'."),
            },
        }

    def measure(
        self, reference, image, noisy=None, border=0, luma=False, eight_bit=False, error_scale=0.0, lpips=False
    ):
        """A single reference, or noisy picture, is compared with every picture."""
        reference, image, noisy = _comparable(reference, image, noisy)
        monitor = host.monitor()
        monitor.check()
        report = measure(reference, image, noisy, Protocol(border, luma, eight_bit), lpips)
        monitor.advance(0.8)
        heat, difference, peak = _error_pictures(reference, image, error_scale)
        lines, verdict = "\n".join(report.lines()), report.verdict()
        means = {name: report.mean(name) for name in ("psnr", "ssim", "ms_ssim", "mae", "gain")}
        means["mae"] *= SIGMA_SCALE
        return answer(
            f"{verdict}\n{lines}\nheat map: lightest = error {SIGMA_SCALE * peak:.1f}/255",
            *(means["psnr"], means["ssim"], lines, means["ms_ssim"], means["mae"], means["gain"]),
            *(heat, difference, verdict, report.csv()),
        )


def _comparable(reference: Tensor, image: Tensor, noisy: Tensor | None) -> tuple[Tensor, Tensor, Tensor | None]:
    """Colour planes of all, single ones repeated for a batch; gray counts as RGB when another one is."""
    named = {"reference": reference, "image": image} | ({} if noisy is None else {"noisy": noisy})
    planes = {name: check_image(t, name)[..., :3].float().cpu() for name, t in named.items()}
    channels = max(t.shape[-1] for t in planes.values())
    count, height, width = image.shape[:3]
    for name, picture in planes.items():
        if picture.shape[1:3] != (height, width) or len(picture) not in (1, count):
            raise DenoiseError(
                f"{name} is {tuple(picture.shape[:3])} and image {(count, height, width)} (pictures, height, width); "
                "both need the same size to be compared, and one picture or as many as there are to measure."
            )
        planes[name] = picture.expand(count, height, width, channels)
    return planes["reference"], planes["image"], planes.get("noisy")


def _error_pictures(reference: Tensor, image: Tensor, wanted: float) -> tuple[Tensor, Tensor, float]:
    """Heat map and signed difference on one scale: `wanted` on 0–255, 0 = what the error needs; the scale in [0,1]."""
    peak = wanted / SIGMA_SCALE if wanted > 0 else error_scale(reference, image)
    return error_map(reference, image, peak), signed_difference(reference, image, 0.5 / peak), peak
