"""Tables as CSV, JSON and Markdown."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Sequence
from dataclasses import asdict, fields

from ..imaging.noise import NOISE_KINDS
from .published import reference_of
from .table import DenoiseTable, Row, Score


def case_words(kind: str, amount: float) -> str:
    """('gaussian', 25) → 'σ 25'; other kinds by name and unit."""
    if kind == "gaussian":
        return f"σ {amount:g}"
    known = NOISE_KINDS.get(kind)
    return kind if known is None else f"{known.label} {amount:g}"


def to_csv(table: DenoiseTable) -> str:
    """One line per picture, noise and denoiser."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    names = [field.name for field in fields(Row)]
    writer.writerow([*names, "gain"])
    for row in table.rows:
        writer.writerow([_cell(value) for value in (*(getattr(row, name) for name in names), row.gain)])
    return text.getvalue()


def _cell(value: object) -> object:
    if not isinstance(value, float):
        return value
    return "" if math.isnan(value) else f"{value:.6g}"


def to_json(table: DenoiseTable) -> str:
    """Settings, denoisers, scores and every row; NaN and infinity become null, as JSON has neither."""
    scores = [{**asdict(score), "published_psnr": reference_of(table, score)} for score in table.scores()]
    content = {
        "settings": dict(table.settings),
        "denoisers": {name: asdict(model) for name, model in table.models.items()},
        "scores": scores,
        "rows": [{**asdict(row), "gain": row.gain} for row in table.rows],
    }
    return json.dumps(_finite(content), indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def _finite(value: object) -> object:
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def to_markdown(table: DenoiseTable) -> str:
    """A ranking under every noise, with the published number where there is one; settings above."""
    parts = ["".join(f"- {key}: {value}\n" for key, value in table.settings.items())]
    scores = table.scores()
    for kind, amount in table.cases():
        rows = [score for score in scores if (score.kind, score.amount) == (kind, amount)]
        noisy = f"noisy {_number(rows[0].noisy_psnr, 2)} dB, SSIM {_number(rows[0].noisy_ssim, 4)}"
        title = f"### {case_words(kind, amount)}: {noisy}"
        parts.append(f"{title}\n\n{_grid(_head(table, rows), [_line(table, score, rows) for score in rows])}")
    return "\n".join(part for part in parts if part)


def _has_published(table: DenoiseTable, scores: Sequence[Score]) -> bool:
    return any(reference_of(table, score) is not None for score in scores)


def _head(table: DenoiseTable, scores: Sequence[Score]) -> list[str]:
    published = ["Published PSNR"] if _has_published(table, scores) else []
    return ["Denoiser", "PSNR (dB)", *published, "SSIM", "Gain (dB)", "MP/s", "Peak memory", "Parameters"]


def _line(table: DenoiseTable, score: Score, scores: Sequence[Score]) -> list[str]:
    model, reference = table.models.get(score.denoiser), reference_of(table, score)
    published = [_number(reference, 2)] if _has_published(table, scores) else []
    return [
        score.denoiser,
        _number(score.psnr, 2),
        *published,
        _number(score.ssim, 4),
        f"{score.gain:+.2f}",
        f"{score.speed:.3g}",
        byte_words(score.peak_bytes),
        parameter_words(model.parameters if model else 0),
    ]


def _grid(head: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    bars = ["---"] + ["---:"] * (len(head) - 1)
    return "".join("| " + " | ".join(cells) + " |\n" for cells in (head, bars, *lines))


def _number(value: float | None, decimals: int) -> str:
    if value is None or math.isnan(value):
        return "–"
    return "identical" if math.isinf(value) else f"{value:.{decimals}f}"


def byte_words(size: float) -> str:
    """12345678 → '12 MB'; '–' where it is unknown."""
    return "–" if math.isnan(size) else f"{size / 1e6:.0f} MB" if size < 1e9 else f"{size / 1e9:.1f} GB"


def parameter_words(count: int) -> str:
    """5580000 → '5.58 M'; '–' for a filter."""
    return "–" if count == 0 else f"{count / 1e6:.2f} M"
