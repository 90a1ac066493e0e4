"""A benchmark as one self-contained page: charts, tables, example pictures and settings, light or dark."""

from __future__ import annotations

import base64
import html
import io
import math
from collections.abc import Callable, Sequence
from pathlib import Path

from torch import Tensor

from ..imaging.files import to_pillow
from .folder import Example, charts
from .table import DenoiseTable, Score
from .text import Column, case_title, overview, score_columns

STYLE = """
:root { color-scheme: light dark; --ink: #1b1f24; --muted: #656d76; --line: #e4e7eb; --ground: #fff; --best: #0072b2;
  --wash: #f6f8fa; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #f0f2f4; --muted: #9aa3ad; --line: #30343a; --ground: #17191d; --best: #56b4e9; --wash: #1f2227; }
}
body { margin: 0 auto; padding: 3rem 1.5rem 5rem; max-width: 76rem; background: var(--ground); color: var(--ink);
  font: 16px/1.5 system-ui, sans-serif; }
h1 { font-weight: 600; font-size: 2rem; line-height: 1.2; margin: 0; letter-spacing: -.01em; }
h2 { font-weight: 600; font-size: 1.25rem; margin: 3rem 0 0; }
p.lead { margin: .3rem 0 1rem; } p.lead, figcaption, dt, th { color: var(--muted); }
figure { margin: 0; } img { max-width: 100%; height: auto; display: block; }
.scroll { overflow-x: auto; margin-top: .75rem; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; white-space: nowrap; }
th, td { text-align: right; padding: .45rem 0 .45rem 1.75rem; border-bottom: 1px solid var(--line); }
th { font-weight: 400; font-size: .875rem; } tbody tr:hover { background: var(--wash); }
th:first-child, td:first-child { text-align: left; padding-left: 0; } td.best { color: var(--best); font-weight: 600; }
.charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(30rem, 100%), 1fr)); gap: 2rem 1.5rem;
  margin-top: 2rem; }
.examples { display: grid; grid-template-columns: repeat(auto-fill, minmax(13rem, 1fr)); gap: 1.25rem 1rem;
  margin-top: .75rem; }
.examples img { border-radius: 4px; } figcaption { font-size: .875rem; margin-top: .25rem; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .3rem 2rem; margin: .75rem 0 0; } dd { margin: 0; }
"""
CHART = {"width": 1200, "height": 780, "text_scale": 1.65}
"""Charts have twice the pixels that they are shown with, so that they are sharp on fine screens."""


def page(table: DenoiseTable, examples: Sequence[tuple[Example, Path]]) -> str:
    """The HTML of a benchmark. examples: with the folder that their files are in. Nothing is loaded from elsewhere."""
    data_set = table.settings.get("data set", "")
    title = f"Denoisers on {data_set}" if data_set else "Denoisers compared"
    pictures = len({row.image for row in table.rows})
    lead = f"{len(table.denoisers())} denoisers, {pictures} pictures, {len(table.cases())} kinds and levels of noise"
    parts = [
        f"<h1>{_text(title)}</h1><p class='lead'>{_text(lead)}</p>",
        f"<div class='charts'>{''.join(_chart(name, chart) for name, chart in charts(table, **CHART).items())}</div>",
        *([_overview(table)] if len(table.cases()) > 1 else []),
        *(_case(table, case) for case in table.cases()),
        *_example_rows(examples),
        _settings(table),
    ]
    head = f"<meta charset='utf-8'><meta name='viewport' content='width=device-width'><title>{_text(title)}</title>"
    head = f"<!doctype html><html lang='en'><head>{head}<style>{STYLE}</style></head>"
    return f"{head}<body>{''.join(parts)}</body></html>\n"


def _text(words: str) -> str:
    return html.escape(words, quote=True)


def _chart(name: str, chart: Callable[[bool], Tensor]) -> str:
    light, dark = (_data(_png(chart(is_dark))) for is_dark in (False, True))
    source = f"<source srcset='{dark}' media='(prefers-color-scheme: dark)'>"
    return (
        f"<figure><picture>{source}<img src='{light}' alt='{_text(name.replace('_', ' '))} chart'></picture></figure>"
    )


def _png(image: Tensor) -> bytes:
    file = io.BytesIO()
    to_pillow(image[0]).save(file, "PNG", optimize=True)
    return file.getvalue()


def _data(png: bytes) -> str:
    return "data:image/png;base64," + base64.b64encode(png).decode("ascii")


def _overview(table: DenoiseTable) -> str:
    head, lines = overview(table)
    scores = table.scores()
    best = [max((s for s in scores if (s.kind, s.amount) == case), key=lambda s: s.psnr) for case in table.cases()]
    winners = ["", *(score.denoiser for score in best), ""]  # of every column, one of them the name and one the papers'
    top = "".join(f"<th scope='col'>{_text(title)}</th>" for title in head)
    body = ""
    for line in lines:
        cells = zip(line, winners, strict=False)
        body += f"<tr>{''.join(_marked(cell, winner == line[0]) for cell, winner in cells)}</tr>"
    return f"<h2>PSNR (dB) / SSIM</h2>{_table(top, body)}"


def _marked(words: str, is_best: bool) -> str:
    return f"<td{' class=best' if is_best else ''}>{_text(words)}</td>"


def _table(head: str, body: str) -> str:
    return f"<div class='scroll'><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"


def _case(table: DenoiseTable, case: tuple[str, float]) -> str:
    scores = [score for score in table.scores() if (score.kind, score.amount) == case]
    columns = score_columns(table, scores)
    head = "".join(f"<th scope='col'>{_text(column.title)}</th>" for column in columns)
    body = "".join(f"<tr>{''.join(_cell(column, score, scores) for column in columns)}</tr>" for score in scores)
    noise, _, noisy = case_title(scores).partition(": ")
    return f"<h2>{_text(noise)}</h2><p class='lead'>{_text(noisy)}</p>{_table(head, body)}"


def _cell(column: Column, score: Score, scores: Sequence[Score]) -> str:
    value = column.value
    best = value is not None and all(not value(other) > value(score) for other in scores)
    return _marked(column.words(score), best)


def _example_rows(examples: Sequence[tuple[Example, Path]]) -> list[str]:
    rows = []
    for case, image in dict.fromkeys((example.case, example.image) for example, _ in examples):
        own = [pair for pair in examples if (pair[0].case, pair[0].image) == (case, image)]
        figures = "".join(_figure(*pair) for pair in own)
        rows.append(f"<h2>{_text(image)}, {_text(case)}</h2><div class='examples'>{figures}</div>")
    return rows


def _figure(example: Example, folder: Path) -> str:
    words = example.label if math.isinf(example.psnr) else f"{example.label} · {example.psnr:.2f} dB"
    data = _data((folder / example.file).read_bytes())
    return f"<figure><img src='{data}' alt='{_text(words)}'><figcaption>{_text(words)}</figcaption></figure>"


def _settings(table: DenoiseTable) -> str:
    lines = "".join(f"<dt>{_text(name)}</dt><dd>{_text(str(value))}</dd>" for name, value in table.settings.items())
    return f"<h2>Settings</h2><dl>{lines}</dl>"
