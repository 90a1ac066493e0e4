"""Residual Inspector: look at what was removed."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from .. import host
from ..imaging.charts import Series, line_chart
from ..imaging.labelled_grid import labelled_grid
from ..imaging.layout import check_image
from ..imaging.residual import (
    SMALLEST_BLOCK,
    amplified,
    autocorrelation,
    autocorrelation_picture,
    radial_decibels,
    removed,
    spectrum_picture,
)
from ..imaging.structure_leak import structure_leak
from .common import CHART_TEXT, SIGMA_SCALE, answer
from .registry import node
from .widgets import real, switch

PANEL = 360
"""Side in pixels of the three pictures of the sheet."""
SHOWN_DEVIATIONS = 3.0
"""The automatic gain shows this many standard deviations of the residual from black to white."""
VERDICTS = ((0.015, "only noise"), (0.04, "hardly any picture"), (0.12, "visible picture"), (2.0, "a lot of picture"))


@node("Residual Inspector", category="Measure", aliases=("method noise", "difference", "spectrum", "autocorrelation"))
class ResidualInspector:
    """What a denoiser removed: noise, or picture as well?"""

    DESCRIPTION = (
        "Looks at what denoising has removed: amplified, as a spectrum, as the likeness of neighbours, and as one "
        "number, the structure leak: 0 when only noise went, higher the more picture went with it. Needs no clean "
        "picture."
    )
    RETURN_TYPES = ("IMAGE", "IMAGE", "IMAGE", "FLOAT", "STRING")
    RETURN_NAMES = ("residual", "sheet", "spectrum", "leak", "report")
    OUTPUT_TOOLTIPS = (
        "Noisy − denoised around middle gray, amplified.",
        "Residual, spectrum and autocorrelation side by side, for the first picture.",
        "Chart of the removed power against frequency, for the first picture; white noise is a flat line.",
        "Structure leak, mean over the pictures: share of the removed energy that runs along the picture's edges, at "
        "least. NaN below 32×32 pixels.",
        "Deviation, leak and likeness of neighbours as text.",
    )
    FUNCTION = "inspect"
    OUTPUT_NODE = True

    @classmethod
    def INPUT_TYPES(cls):  # noqa: N802
        """Inputs in the order of saved workflows: append only."""
        return {
            "required": {
                "noisy": ("IMAGE", {"tooltip": "The picture before denoising."}),
                "denoised": ("IMAGE", {"tooltip": "The same picture after denoising, of the same size."}),
                "gain": real(
                    *(0.0, 0.0, 100.0, 0.5),
                    "How much the residual is amplified. 0 = automatic: three standard deviations fill the range.",
                ),
                "dark": switch(True, "Light on dark instead of dark on light, for sheet and chart."),
            }
        }

    def inspect(self, noisy, denoised, gain, dark):
        """Sheet and chart show the first picture; the numbers are of all."""
        noisy, denoised = (
            check_image(t, n)[..., :3].float().cpu() for t, n in ((noisy, "noisy"), (denoised, "denoised"))
        )
        residual = removed(noisy, denoised)
        host.monitor().check()
        deviation = float(residual.std(unbiased=False))
        factor = gain or min(100.0, 0.5 / max(SHOWN_DEVIATIONS * deviation, 1e-4))
        leaks = structure_leak(noisy, denoised)
        pictures = amplified(residual, factor)
        report = _report(residual, leaks, deviation, factor)
        sheet, chart = _sheet(residual[:1], pictures[:1], factor, float(leaks[0]), dark), _chart(residual[:1], dark)
        leak = float(leaks.mean())
        return answer(report, pictures, sheet, chart, leak, report, images=host.show_images(sheet))


def _large_enough(residual: Tensor) -> bool:
    return min(residual.shape[1:3]) >= SMALLEST_BLOCK


def _report(residual: Tensor, leaks: Tensor, deviation: float, factor: float) -> str:
    lines = [f"removed: standard deviation {SIGMA_SCALE * deviation:.2f}/255 · shown {factor:.1f} times amplified"]
    leak = float(leaks.mean())
    if math.isnan(leak):
        lines.append("structure leak: needs 32×32 pixels")
    else:
        chance = 2 / math.sqrt(residual.shape[1] * residual.shape[2])
        words = VERDICTS[0][1] if leak < 2 * chance else next(words for limit, words in VERDICTS if leak < limit)
        worst = f" · worst {100 * float(leaks.max()):.1f} % (no. {int(leaks.argmax()) + 1})" if len(leaks) > 1 else ""
        lines.append(f"structure leak {100 * leak:.1f} % (±{100 * chance:.1f}): {words} was removed{worst}")
    if _large_enough(residual):
        near = autocorrelation(residual[:1])
        middle = len(near) // 2
        across, down = float(near[middle, middle + 1]), float(near[middle + 1, middle])
        kind = "white" if max(abs(across), abs(down)) < 0.1 else "correlated"
        lines.append(f"likeness of neighbours: {across:+.3f} across, {down:+.3f} down ({kind})")
    return "\n".join(lines)


def _sheet(residual: Tensor, picture: Tensor, factor: float, leak: float, dark: bool) -> Tensor:
    if not _large_enough(residual):
        return picture
    height, width = picture.shape[1:3]
    side = min(PANEL, height, width)
    top, left = (height - side) // 2, (width - side) // 2
    crop = _square(picture[:, top : top + side, left : left + side])
    panels = [crop, _square(spectrum_picture(residual)), autocorrelation_picture(residual, PANEL)]
    words = f"removed ×{factor:.1f}" + ("" if math.isnan(leak) else f" · structure leak {100 * leak:.1f} %")
    labels = [words, "spectrum (±20 dB, low in the middle)", "likeness within 8 px"]
    return labelled_grid(panels, labels, columns=3, dark=dark)


def _square(picture: Tensor) -> Tensor:
    """[1,h,w,C] enlarged to PANEL×PANEL without smoothing."""
    return F.interpolate(picture.permute(0, 3, 1, 2), size=(PANEL, PANEL), mode="nearest").permute(0, 2, 3, 1)


def _chart(residual: Tensor, dark: bool) -> Tensor:
    if not _large_enough(residual) or not residual.any():
        return torch.zeros(1, 1, 1, 3)
    frequencies, decibels = radial_decibels(residual)
    return line_chart(
        [
            Series("removed", frequencies, decibels, markers=False),
            Series("white noise", [frequencies[0], frequencies[-1]], [0.0, 0.0], style="reference", markers=False),
        ],
        title="What was removed, by size of detail",
        subtitle="left: broad shades · right: single pixels",
        x_label="spatial frequency (cycles per pixel)",
        y_label="power relative to its mean (dB)",
        dark=dark,
        text_scale=CHART_TEXT,
    )
