"""PSNR Meter: how far two pictures are apart."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from .. import host
from ..imaging.layout import check_image
from ..imaging.metrics import WINDOW, psnr, ssim
from .common import answer
from .registry import node


@node("PSNR Meter", category="Measure", aliases=("ssim", "compare", "image quality", "metric"))
class PSNRMeter:
    """PSNR and SSIM per picture, and their means."""

    DESCRIPTION = (
        "Measures how close a picture is to its clean reference: PSNR in dB (more is better) and SSIM (1 = equal), for "
        "each picture and as mean. Alpha is not counted."
    )
    RETURN_TYPES = ("FLOAT", "FLOAT", "STRING")
    RETURN_NAMES = ("psnr", "ssim", "report")
    OUTPUT_TOOLTIPS = (
        "Mean PSNR in dB, over the pictures that differ; infinity when all are identical to the reference.",
        "Mean SSIM (11×11 Gaussian window, Wang et al. 2004); NaN when the pictures are below 11×11 pixels.",
        "One line per picture and the mean, as text.",
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
            }
        }

    def measure(self, reference, image):
        """A single reference is compared with every picture."""
        reference, image = _comparable(reference, image)
        host.monitor().check()
        decibels = psnr(reference, image)
        large = min(image.shape[1:3]) >= WINDOW
        similarity = ssim(reference, image) if large else torch.full_like(decibels, math.nan)
        lines = [_line(*pair) for pair in zip(decibels.tolist(), similarity.tolist(), strict=True)]
        different = decibels[decibels.isfinite()]
        mean = float(different.mean() if len(different) else math.inf), float(similarity.mean())
        if len(lines) > 1:
            without = "" if len(different) in (0, len(decibels)) else " (PSNR without the identical ones)"
            lines = [f"mean  {_line(*mean)}{without}", *(f"{n}  {line}" for n, line in enumerate(lines, 1))]
        if not large:
            lines.append(f"SSIM needs {WINDOW}×{WINDOW} pixels")
        report = "\n".join(lines)
        return answer(report, *mean, report)


def _comparable(reference: Tensor, image: Tensor) -> tuple[Tensor, Tensor]:
    """Colour planes of both, the reference repeated for a batch; gray counts as RGB when the other one is."""
    pair = [check_image(t, name)[..., :3].float().cpu() for t, name in ((reference, "reference"), (image, "image"))]
    planes = max(t.shape[-1] for t in pair)
    reference, image = (t.expand(*t.shape[:3], planes) for t in pair)
    if len(reference) == 1:
        reference = reference.expand(len(image), *reference.shape[1:])
    return reference, image


def _line(decibels: float, similarity: float) -> str:
    """Words for one picture; a number that is not finite is never shown."""
    words = "identical" if math.isinf(decibels) else f"{decibels:.2f} dB"
    return words if math.isnan(similarity) or math.isinf(decibels) else f"{words} · SSIM {similarity:.4f}"
