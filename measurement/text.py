"""Tables as CSV, JSON and Markdown."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, fields

from ..imaging.noise import NOISE_KINDS
from .published import reference_of
from .table import DenoiseTable, Model, Row, Score

FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""What spreadsheets take for the beginning of a formula; an apostrophe before it makes it text."""


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
    if isinstance(value, str) and value.startswith(FORMULA):
        return "'" + value
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
    """Settings, an overview where there are several noises, and a ranking under each with the published number."""
    parts = ["".join(f"- {key}: {value}\n" for key, value in table.settings.items())]
    if len(table.cases()) > 1:
        parts.append(f"### PSNR (dB) / SSIM\n\n{_grid(*overview(table))}")
    for case in table.cases():
        scores = [score for score in table.scores() if (score.kind, score.amount) == case]
        columns = score_columns(table, scores)
        lines = [[column.words(score) for column in columns] for score in scores]
        parts.append(f"### {case_title(scores)}\n\n{_grid([column.title for column in columns], lines)}")
    return "\n".join(part for part in parts if part)


def overview(table: DenoiseTable) -> tuple[list[str], list[list[str]]]:
    """Head and lines of a table with a line per denoiser, the best first, and a column per noise."""
    scores = {(score.denoiser, score.kind, score.amount): score for score in table.scores()}
    published = {key: reference_of(table, score) for key, score in scores.items()}
    with_papers = any(value is not None for value in published.values())
    head = ["Denoiser", *(case_words(*case) for case in table.cases()), *(["Published PSNR"] if with_papers else [])]
    lines = []
    for name, _ in table.ranking():
        keys = [(name, *case) for case in table.cases()]
        cells = [_both(scores.get(key)) for key in keys]
        papers = [" / ".join(number(published.get(key), 2) for key in keys)] if with_papers else []
        lines.append([name, *cells, *([word if any(map(str.isdigit, word)) else "–" for word in papers])])
    return head, lines


def _both(score: Score | None) -> str:
    return "–" if score is None else f"{number(score.psnr, 2)} / {number(score.ssim, 4).removeprefix('0')}"


def case_title(scores: Sequence[Score]) -> str:
    """Noise in words, and how the noisy input measures; for scores of one case."""
    first = scores[0]
    noisy = f"noisy {number(first.noisy_psnr, 2)} dB, SSIM {number(first.noisy_ssim, 4)}"
    return f"{case_words(first.kind, first.amount)}: {noisy}"


@dataclass(frozen=True)
class Column:
    """A column of a ranking: its title, its text, and what is best when it is highest (None: nothing is)."""

    title: str
    words: Callable[[Score], str]
    value: Callable[[Score], float] | None = None


def score_columns(table: DenoiseTable, scores: Sequence[Score]) -> list[Column]:
    """The columns of one case's ranking; published numbers and counts only where they say something."""
    models, none = table.models, Model("")
    columns = [
        Column("Denoiser", lambda s: s.denoiser),
        Column("PSNR (dB)", lambda s: number(s.psnr, 2), lambda s: s.psnr),
        Column("Published PSNR", lambda s: number(reference_of(table, s), 2)),
        Column("SSIM", lambda s: number(s.ssim, 4), lambda s: s.ssim),
        Column("Gain (dB)", lambda s: gain_words(s.gain), lambda s: s.gain),
        Column("MP/s", lambda s: f"{s.speed:.3g}", lambda s: s.speed),
        Column("Peak memory", lambda s: byte_words(s.peak_bytes)),
        Column("Parameters", lambda s: parameter_words(models.get(s.denoiser, none).parameters)),
        Column("Size", lambda s: byte_words(models.get(s.denoiser, none).bytes or math.nan)),
        Column("Pictures", lambda s: str(s.images)),
    ]
    dropped = set()
    if all(reference_of(table, score) is None for score in scores):
        dropped.add("Published PSNR")
    if len({score.images for score in scores}) == 1:
        dropped.add("Pictures")
    return [column for column in columns if column.title not in dropped]


def _grid(head: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    bars = ["---"] + ["---:"] * (len(head) - 1)
    rows = ([cell.replace("|", "\\|") for cell in cells] for cells in (head, bars, *lines))
    return "".join("| " + " | ".join(cells) + " |\n" for cells in rows)


def number(value: float | None, decimals: int) -> str:
    """A number with fixed decimals; '–' where there is none."""
    if value is None or math.isnan(value):
        return "–"
    return "identical" if math.isinf(value) else f"{value:.{decimals}f}"


def gain_words(gain: float) -> str:
    """A signed number of decibels; '–' where the input had no noise to remove."""
    return f"{gain:+.2f}" if math.isfinite(gain) else "–"


def byte_words(size: float) -> str:
    """12345678 → '12 MB', 2672908 → '2.7 MB'; '–' where it is unknown."""
    if math.isnan(size):
        return "–"
    amount, unit = (size / 1e6, "MB") if size < 1e9 else (size / 1e9, "GB")
    return f"{amount:.1f} {unit}" if amount < 10 else f"{amount:.0f} {unit}"


def parameter_words(count: int) -> str:
    """5580000 → '5.58 M'; '–' for a filter."""
    return "–" if count == 0 else f"{count / 1e6:.2f} M"
