"""Benchmark Denoisers: which is best, how fast, how large."""

from __future__ import annotations

from .. import host
from ..imaging.level import DenoiseError
from ..measurement.cases import parse_cases
from ..measurement.charts import ranking_chart
from ..measurement.sweep import Setting, sweep
from ..measurement.table import join
from ..measurement.text import gain_words, to_csv, to_json, to_markdown
from .common import CHART_TEXT, answer, seed_input
from .registry import node
from .tables import TABLE_TOOLTIP, connected, numbered, tell_sigma_input, to_pictures
from .widgets import switch


@node("Benchmark Denoisers", category="Measure", aliases=("psnr", "ranking", "compare models", "speed", "leaderboard"))
class BenchmarkDenoisers:
    """Clean pictures × noises × denoisers → a ranking."""

    DESCRIPTION = (
        "Measures up to eight denoisers on the same noisy pictures and ranks them: PSNR, SSIM, gain over the input, "
        "megapixels per second, memory and size, with the published number beside where the literature has one."
    )
    RETURN_TYPES = ("IMAGE", "STRING", "DENOISE_TABLE", "STRING", "STRING")
    RETURN_NAMES = ("chart", "ranking", "table", "csv", "json")
    OUTPUT_TOOLTIPS = (
        "Mean gain in PSNR of every denoiser as bars, the best on top.",
        "A Markdown table per noise.",
        TABLE_TOOLTIP,
        "One line per picture, noise and denoiser, comma-separated, for a spreadsheet.",
        "Settings, scores and every row, as JSON.",
    )
    FUNCTION = "benchmark"
    OUTPUT_NODE = True

    @classmethod
    def INPUT_TYPES(cls):  # noqa: N802
        """Inputs in the order of saved workflows: append only."""
        noise = {
            "default": "gaussian: 15, 25, 50",
            "multiline": True,
            "tooltip": "Kinds of noise and their amounts, one kind per line, as in 'gaussian: 15, 25, 50'. Kinds are "
            "those of Add Noise. Not used when noisy pictures are connected.",
        }
        data_set = {
            "default": "",
            "tooltip": "Name of the pictures. With CBSD68, Kodak24 or McMaster the papers' numbers stand beside.",
        }
        return {
            "required": {
                "clean": ("IMAGE", {"tooltip": "The clean pictures."}),
                "denoiser_1": ("DENOISER", {"tooltip": "The first denoiser."}),
                "noise": ("STRING", noise),
                "data_set": ("STRING", data_set),
                "seed": seed_input(),
                "tell_sigma": tell_sigma_input(),
                "dark": switch(False, "Light on dark instead of dark on light."),
            },
            "optional": {
                "noisy": ("IMAGE", {"tooltip": "Real noisy pictures, one per clean one, instead of added noise."}),
                **numbered("DENOISER", "denoiser", "One more denoiser.", first=2),
            },
            "hidden": {"node_id": "UNIQUE_ID"},
        }

    def benchmark(
        self, clean, denoiser_1, noise, data_set, seed, tell_sigma, dark, noisy=None, node_id=None, **denoisers
    ):
        """Every denoiser gets the same noise."""
        pictures = to_pictures(clean, noisy)
        cases = [] if noisy is not None else parse_cases(noise)
        contestants = list(connected("denoiser", {"denoiser_1": denoiser_1, **denoisers}).values())
        if not contestants:
            raise DenoiseError("no denoiser is connected; connect at least one.")
        monitor, setting = host.monitor(node_id), Setting(seed, tell_sigma)
        table = join(
            sweep(denoiser, pictures, cases, setting, monitor=monitor.part(k, len(contestants)))
            for k, denoiser in enumerate(contestants)
        )
        if data_set.strip():
            table = table.with_settings({"data set": data_set.strip()})
        chart, ranking = ranking_chart(table, dark=dark, text_scale=CHART_TEXT), to_markdown(table)
        lines = "\n".join(f"{n}. {name}: {gain_words(gain)} dB" for n, (name, gain) in enumerate(table.ranking(), 1))
        return answer(lines, chart, ranking, table, to_csv(table), to_json(table), images=host.show_images(chart))
