"""Tables as charts: quality against noise level or against image complexity, and rankings."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Literal

import torch
from torch import Tensor

from ..imaging.charts import Bar, Series, bar_chart, line_chart
from ..imaging.level import DenoiseError
from ..imaging.noise import NOISE_KINDS
from .table import DenoiseTable, Score
from .text import case_words, parameter_words

Against = Literal["noise level", "image complexity"]
METRICS = {"psnr": ("PSNR", "PSNR (dB)"), "ssim": ("SSIM", "SSIM"), "gain": ("Gain", "PSNR gain (dB)")}
COMPLEXITIES = (2, 5, 10, 15, 20, 30, 40, 50, 60, 80, 100, 150, 200, 300)
"""Ticks on the axis of spatial information, which is logarithmic: twice as busy costs about as many dB everywhere."""
REFERENCES = {"psnr": "noisy_psnr", "ssim": "noisy_ssim"}


def sweep_chart(
    table: DenoiseTable,
    against: Against = "noise level",
    metrics: Sequence[str] = ("psnr", "ssim"),
    *,
    width: int = 960,
    height: int = 540,
    dark: bool = False,
    text_scale: float = 1.0,
) -> Tensor:
    """A panel per metric ('psnr', 'ssim', 'gain'), side by side; a line or cloud per denoiser, the input as reference.

    Args:
        width, height: of a panel, in pixels. text_scale: as in `line_chart`.

    Returns:
        [1,height,width·panels,3] in [0,1].

    Raises:
        DenoiseError: an empty table, or one of several kinds of noise.
    """
    if not table.rows:
        raise DenoiseError("the table is empty; run a sweep first.")
    kinds = list(dict.fromkeys(row.kind for row in table.rows))
    if len(kinds) > 1:
        raise DenoiseError(f"the tables hold different kinds of noise ({', '.join(kinds)}); chart them apart.")
    panel = _noise_panel if against == "noise level" else _complexity_panel
    look = {"width": width, "height": height, "dark": dark, "text_scale": text_scale}
    return torch.cat([panel(table, metric, look) for metric in metrics], dim=2)


def _noise_panel(table: DenoiseTable, metric: str, look: dict[str, Any]) -> Tensor:
    kind = NOISE_KINDS.get(table.rows[0].kind)
    label, what = ("noise", "noise level") if kind is None else (f"{kind.label}: {kind.unit}", kind.label)
    if table.rows[0].kind == "gaussian":
        label, what = "noise level σ (of 255)", "noise level"
    scores = table.scores()
    series = [_curve(name, [s for s in scores if s.denoiser == name], metric) for name in table.denoisers()]
    if metric in REFERENCES:
        series.append(_input_curve(scores, metric))
    title, unit = METRICS[metric]
    return line_chart(
        series,
        title=f"{title} against {what}",
        subtitle=_subtitle(table),
        x_label=label,
        y_label=unit,
        x_ticks=[score.amount for score in scores],
        **look,
    )


def _curve(name: str, scores: Sequence[Score], metric: str) -> Series:
    ordered = sorted(scores, key=lambda s: s.amount)
    return Series(name, [s.amount for s in ordered], [getattr(s, metric) for s in ordered])


def _input_curve(scores: Sequence[Score], metric: str) -> Series:
    by_amount = {score.amount: getattr(score, REFERENCES[metric]) for score in scores}
    amounts = sorted(by_amount)
    return Series("noisy input", amounts, [by_amount[amount] for amount in amounts], style="reference")


def _complexity_panel(table: DenoiseTable, metric: str, look: dict[str, Any]) -> Tensor:
    """A cloud per denoiser at the middle noise level, a point per picture.

    Raises:
        DenoiseError: no noise level that all denoisers were measured at.
    """
    measured = [{row.amount for row in table.rows if row.denoiser == name} for name in table.denoisers()]
    amounts = sorted(set.intersection(*measured))
    if not amounts:
        raise DenoiseError(
            "the tables have no noise level in common to compare the pictures at; sweep all denoisers over one, or "
            "chart against noise level."
        )
    amount = amounts[len(amounts) // 2]
    rows = [row for row in table.rows if row.amount == amount]
    clouds = []
    for name in table.denoisers():
        own = sorted((row for row in rows if row.denoiser == name), key=lambda row: row.complexity)
        values = [getattr(row, metric) for row in own]
        clouds.append(Series(name, [row.complexity for row in own], values, style="points", trend=True))
    title, unit = METRICS[metric]
    return line_chart(
        clouds,
        title=f"{title} against image complexity at {case_words(rows[0].kind, amount)}",
        subtitle=" · ".join(["a point per picture, lines by least squares", *_how(table)]),
        x_label="spatial information of the clean picture (ITU-T P.910)",
        y_label=unit,
        log_x=all(row.complexity > 0 for row in rows),
        x_ticks=COMPLEXITIES,
        **look,
    )


def _subtitle(table: DenoiseTable) -> str:
    pictures = len({row.image for row in table.rows})
    source = f" of {table.settings['data set']}" if "data set" in table.settings else ""
    words = f"mean of {pictures} pictures{source}" if pictures > 1 else f"1 picture{source}"
    return " · ".join([words, *_how(table)])


def _how(table: DenoiseTable) -> list[str]:
    return [table.settings["measured on"]] if "measured on" in table.settings else []


def ranking_chart(table: DenoiseTable, *, width: int = 960, dark: bool = False, text_scale: float = 1.0) -> Tensor:
    """Bars of the mean PSNR gain over all noises of the table, the best first; speed and size in small print."""
    scores = table.scores()
    bars = []
    for name, gain in table.ranking():
        own = [score for score in scores if score.denoiser == name]
        model = table.models.get(name)
        notes = [f"{sum(s.speed for s in own) / len(own):.2g} MP/s"]
        notes += [f"{parameter_words(model.parameters)} parameters"] if model and model.parameters else []
        if math.isnan(gain):
            gain, notes = 0.0, ["there was no noise to remove"]
        bars.append(Bar(name, gain, " · ".join(notes)))
    return bar_chart(
        bars,
        title="Gain over the noisy input",
        subtitle=f"{', '.join(case_words(*case) for case in table.cases())} · {_subtitle(table)}",
        x_label="mean PSNR gain (dB)",
        width=width,
        dark=dark,
        text_scale=text_scale,
    )
