"""Noise Level Sweep and Sweep Chart: one denoiser after the other, so that only what is new is computed."""

from __future__ import annotations

from torch import Tensor

from .. import host
from ..imaging.compare import busiest_window, crop_window
from ..imaging.labelled_grid import labelled_grid
from ..imaging.noise import NOISE_KINDS
from ..imaging.residual import amplified
from ..measurement.cases import make_cases, parse_amounts
from ..measurement.charts import sweep_chart
from ..measurement.sweep import Setting, sweep
from ..measurement.table import Row, join
from ..measurement.text import case_words, gain_words, to_csv, to_markdown
from .common import CHART_TEXT, answer, seed_input
from .registry import node
from .tables import (
    TABLE_TOOLTIP,
    connected,
    numbered,
    tell_sigma_input,
    to_pictures,
)
from .widgets import choice, integer, switch

SHOWN_SIDE = 256
"""Side of the crop that is shown for every noise level."""
SHOWN_DEVIATIONS = 3.0
"""Standard deviations of what was removed that go from gray to black or white."""
PANELS = {"PSNR and SSIM": ("psnr", "ssim"), "PSNR": ("psnr",), "SSIM": ("ssim",), "PSNR gain": ("gain",)}


@node("Noise Level Sweep", category="Measure", aliases=("benchmark", "psnr", "sigma sweep", "robustness", "analysis"))
class NoiseLevelSweep:
    """One denoiser over several noise levels and pictures."""

    DESCRIPTION = (
        "Adds noise of several levels to clean pictures, denoises each, and measures the results. One node per "
        "denoiser: when another one is added, what was measured before comes from ComfyUI's cache."
    )
    RETURN_TYPES = ("DENOISE_TABLE", "IMAGE", "STRING")
    RETURN_NAMES = ("table", "pictures", "report")
    OUTPUT_TOOLTIPS = (
        TABLE_TOOLTIP,
        "A busy crop of the first picture at every level: noisy, denoised, and what was removed, amplified.",
        "Means per noise level as text.",
    )
    FUNCTION = "sweep"

    @classmethod
    def INPUT_TYPES(cls):  # noqa: N802
        """Inputs in the order of saved workflows: append only."""
        levels = {
            "default": "10, 15, 25, 35, 50, 60, 75",
            "tooltip": "Amounts of noise with commas between, in the unit of the kind: sigma 0–255 for Gaussian noise.",
        }
        return {
            "required": {
                "denoiser": ("DENOISER", {"tooltip": "What to measure."}),
                "clean": ("IMAGE", {"tooltip": "Clean pictures; the noise is added here. A batch of 4 is a start."}),
                "kind": choice(list(NOISE_KINDS), "The kind of noise; see Add Noise."),
                "levels": ("STRING", levels),
                "seed": seed_input(),
                "tell_sigma": tell_sigma_input(),
            },
            "hidden": {"node_id": "UNIQUE_ID"},
        }

    def sweep(self, denoiser, clean, kind, levels, seed, tell_sigma, node_id=None):
        """Crops are kept as they come, the full results are not."""
        cases = make_cases(kind, parse_amounts(levels))
        pictures = to_pictures(clean)
        gallery = _Gallery(clean)
        table = sweep(
            denoiser,
            pictures,
            cases,
            Setting(seed, tell_sigma),
            monitor=host.monitor(node_id),
            on_result=gallery.keep,
        )
        report = to_markdown(table)
        grid = gallery.picture()
        return answer(_lines(table), table, grid, report, images=host.show_images(grid))


class _Gallery:
    """Crops of the first picture under every noise."""

    def __init__(self, clean: Tensor) -> None:
        centre = busiest_window(clean, SHOWN_SIDE)
        self._window = crop_window(clean.shape[1], clean.shape[2], SHOWN_SIDE, centre)
        self._pictures: list[list[Tensor]] = [[], [], []]
        self._labels: list[list[str]] = [[], [], []]

    def keep(self, row: Row, noisy: Tensor, result: Tensor) -> None:
        if row.image != "1":
            return
        rows, columns = self._window
        before, after = (picture[:, rows, columns] for picture in (noisy, result))
        gain = 0.5 / max(SHOWN_DEVIATIONS * float((before - after).std(unbiased=False)), 1e-3)
        pictures = (before.clamp(0, 1), after.clamp(0, 1), amplified(before - after, gain))
        noise = case_words(row.kind, row.amount)
        labels = (f"noisy, {noise} · {row.noisy_psnr:.2f} dB", f"denoised · {row.psnr:.2f} dB", f"removed ×{gain:.1f}")
        for row_number in range(3):
            self._pictures[row_number].append(pictures[row_number])
            self._labels[row_number].append(labels[row_number])

    def picture(self) -> Tensor:
        """Levels from left to right; noisy above denoised above removed."""
        return labelled_grid(sum(self._pictures, []), sum(self._labels, []), columns=len(self._labels[0]))


def _lines(table) -> str:
    lines = [f"{table.denoisers()[0]} · {len({row.image for row in table.rows})} pictures"]
    lines += [
        f"{case_words(s.kind, s.amount):>8}: {s.psnr:.2f} dB ({gain_words(s.gain)}) · SSIM {s.ssim:.4f}"
        for s in table.scores()
    ]
    return "\n".join(lines)


@node("Sweep Chart", category="Measure", aliases=("plot", "graph", "compare denoisers", "join tables"))
class SweepChart:
    """Tables of several denoisers in one chart."""

    DESCRIPTION = (
        "Draws the tables of Noise Level Sweep or Benchmark Denoisers into one chart: quality against noise level, or "
        "against how complex the pictures are. A line per denoiser, the noisy input as reference."
    )
    RETURN_TYPES = ("IMAGE", "DENOISE_TABLE", "STRING", "STRING")
    RETURN_NAMES = ("chart", "table", "csv", "report")
    OUTPUT_TOOLTIPS = (
        "The chart as a picture.",
        "All tables joined, for a further Sweep Chart.",
        "One line per picture, noise and denoiser, comma-separated, for a spreadsheet.",
        "Rankings as a Markdown table.",
    )
    FUNCTION = "draw"
    OUTPUT_NODE = True

    @classmethod
    def INPUT_TYPES(cls):  # noqa: N802
        """Inputs in the order of saved workflows: append only."""
        more = numbered("DENOISE_TABLE", "table", "The table of one more denoiser.", first=2)
        return {
            "required": {
                "table_1": (
                    "DENOISE_TABLE",
                    {"tooltip": "From Noise Level Sweep, Benchmark Denoisers or Sweep Chart."},
                ),
                "against": choice(
                    ["noise level", "image complexity"],
                    "What runs from left to right. Complexity: the spatial information (ITU-T P.910) of each clean "
                    "picture, at the middle noise level.",
                ),
                "metric": choice(list(PANELS), "What is drawn upwards."),
                "width": integer(960, 320, 4096, "Width of a panel in pixels."),
                "height": integer(540, 240, 4096, "Height in pixels."),
                "dark": switch(False, "Light on dark instead of dark on light."),
            },
            "optional": more,
        }

    def draw(self, table_1, against, metric, width, height, dark, **tables):
        """Tables of one denoiser measured twice are told apart by numbers."""
        table = join(connected("table", {"table_1": table_1, **tables}).values())
        look = {"width": width, "height": height, "dark": dark, "text_scale": CHART_TEXT}
        chart = sweep_chart(table, against, PANELS[metric], **look)
        result = (chart, table, to_csv(table), to_markdown(table))
        return {"ui": {"images": host.show_images(chart)}, "result": result}
