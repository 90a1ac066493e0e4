"""A benchmark as a folder: numbers as JSON, CSV and Markdown, charts, and crops of a few pictures."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

from torch import Tensor

from ..imaging.compare import busiest_window, crop_window
from ..imaging.files import save_picture, writing
from ..imaging.level import DenoiseError
from .charts import ranking_chart, sweep_chart
from .sweep import Picture
from .table import DenoiseTable, Model, Row
from .text import case_words, to_csv, to_json, to_markdown

NUMBERS = "benchmark.json"
EXAMPLE_SIDE = 256
LONGEST = 80
"""Letters of a file name."""


@dataclass(frozen=True)
class Example:
    """A crop: of which noise and picture, what it shows ('clean', 'noisy' or a denoiser), its PSNR, and its file."""

    case: str
    image: str
    label: str
    psnr: float
    file: str


class Examples:
    """Writes crops of the first pictures into FOLDER/examples while a benchmark runs."""

    def __init__(self, folder: Path, pictures: Sequence[Picture]) -> None:
        self.found: list[Example] = []
        self._folder = folder
        self._clean = {picture.name: picture.clean[:1, ..., :3].float() for picture in pictures}

    def keep(self, row: Row, noisy: Tensor, result: Tensor) -> None:
        """To be called with every result; pictures that are not among the chosen ones are passed over."""
        clean = self._clean.get(row.image)
        if clean is None:
            return
        height, width = clean.shape[1:3]
        rows, columns = crop_window(height, width, EXAMPLE_SIDE, busiest_window(clean, EXAMPLE_SIDE))
        case = case_words(row.kind, row.amount)
        shown = {"clean": (clean, math.inf), "noisy": (noisy, row.noisy_psnr), row.denoiser: (result, row.psnr)}
        for label, (picture, decibels) in shown.items():
            if any((known.case, known.image, known.label) == (case, row.image, label) for known in self.found):
                continue
            file = self._free(_plain(f"{case} {row.image} {label}")[:LONGEST])
            (self._folder / "examples").mkdir(parents=True, exist_ok=True)
            save_picture(picture[0, rows, columns], self._folder / file)
            self.found.append(Example(case, row.image, label, decibels, file.as_posix()))

    def _free(self, name: str) -> Path:
        """Different names may look alike once they are plain, or to systems without case: then they get a number."""
        taken = {example.file.lower() for example in self.found}
        names = (f"examples/{name}{number}.png" for number in ("", *(f"_{n}" for n in range(2, len(taken) + 2))))
        return Path(next(file for file in names if file.lower() not in taken))


def _plain(name: str) -> str:
    """A file name that every system takes."""
    return re.sub(r"[^\w.\-]+", "_", name.replace("σ", "sigma"))


def write_folder(folder: Path, table: DenoiseTable, examples: Sequence[Example] = ()) -> None:
    """Write everything there is to say about a benchmark; files are replaced whole."""
    folder.mkdir(parents=True, exist_ok=True)
    content = json.loads(to_json(table))
    content["examples"] = [
        {**asdict(example), "psnr": example.psnr if example.psnr < math.inf else None} for example in examples
    ]
    _write(folder / NUMBERS, json.dumps(content, indent=1, ensure_ascii=False) + "\n")
    _write(folder / "benchmark.csv", to_csv(table))
    _write(folder / "benchmark.md", to_markdown(table))
    for name, chart in charts(table).items():
        save_picture(chart(False)[0], folder / f"{name}.png")


def _write(path: Path, text: str) -> None:
    with writing(path) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="\n")


def charts(table: DenoiseTable, **size: Any) -> dict[str, Callable[[bool], Tensor]]:
    """Name → chart for a light (False) or dark (True) page: the ranking, and for each kind of noise what it allows.

    size: width and height in pixels (of the ranking only the width) and text_scale, as charts take them.
    """
    broad = {name: value for name, value in size.items() if name != "height"}
    made: dict[str, Callable[[bool], Tensor]] = {"ranking": lambda dark: ranking_chart(table, dark=dark, **broad)}
    for kind in dict.fromkeys(row.kind for row in table.rows):
        part = replace(table, rows=tuple(row for row in table.rows if row.kind == kind))
        if len({row.amount for row in part.rows}) > 1:
            for metric in ("psnr", "ssim"):
                made[f"{_plain(kind)}_{metric}"] = lambda dark, part=part, metric=metric: sweep_chart(
                    part, metrics=(metric,), dark=dark, **size
                )
        if len({row.image for row in part.rows}) > 3:
            made[f"{_plain(kind)}_complexity"] = lambda dark, part=part: sweep_chart(
                part, "image complexity", ("psnr",), dark=dark, **size
            )
    return made


def read_folder(folder: Path) -> tuple[DenoiseTable, list[Example]]:
    """What `write_folder` has written.

    Raises:
        DenoiseError: no benchmark there, or a file that is none.
    """
    path = folder / NUMBERS
    if not path.is_file():
        raise DenoiseError(f"'{folder}' holds no {NUMBERS}; make one with: realdenoise bench … --output {folder}")
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        # No PSNR is unknown: null says that two pictures were equal.
        rows = tuple(_from(Row, _names(Row), {**row, **_decibels(row)}) for row in content["rows"])
        models = {name: _from(Model, _names(Model), model) for name, model in content["denoisers"].items()}
        examples = [_from(Example, _names(Example), example, math.inf) for example in content["examples"]]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise DenoiseError(f"'{path}' is no benchmark ({error}); make it again.") from error
    for example in examples:
        if Path(example.file).parent != Path("examples"):
            raise DenoiseError(f"'{path}' names '{example.file}', which lies outside its folder of examples.")
    if not rows:
        raise DenoiseError(f"'{path}' holds no results; make it again.")
    return DenoiseTable(rows, models, content.get("settings", {})), examples


def _from(kind: Callable[..., Any], names: Sequence[str], values: dict[str, Any], empty: float = math.nan) -> Any:
    """Something from JSON, where null stands for a number that is not finite."""
    return kind(**{name: empty if value is None else value for name, value in values.items() if name in names})


def _decibels(row: dict[str, Any]) -> dict[str, float]:
    return {name: math.inf if row[name] is None else row[name] for name in ("psnr", "noisy_psnr")}


def _names(kind: Any) -> list[str]:
    return [field.name for field in fields(kind)]
