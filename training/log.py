"""The training log: one line of CSV per hundred steps and per validation."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .trainer import Progress

EVERY = 100
COLUMNS = ("step", "seconds", "rate", "loss", "psnr")


class CsvLog:
    """Appends to `path`; lines after the step that a training resumes from are dropped. None = keep no file.

    `loss` is the mean since the line before, `psnr` the mean of the validation or empty; the single validation cases
    stand in a last column as 'name=dB; name=dB'.
    """

    def __init__(self, path: Path | None, step: int) -> None:
        self._path = path
        self._losses: list[float] = []
        if path is None:
            return
        kept = [] if step == 0 or not path.is_file() else read_log(path)
        rows = [row for row in kept if int(row["step"]) <= step]
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, (*COLUMNS, "cases"))
            writer.writeheader()
            writer.writerows(rows)

    def add(self, progress: Progress) -> None:
        """Remember a step; write a line when one is due."""
        self._losses.append(progress.loss)
        if self._path is None or (progress.step % EVERY and not progress.scores):
            return
        cases = "; ".join(f"{name}={value:.3f}" for name, value in progress.scores.items() if name != "mean")
        psnr = f"{progress.scores['mean']:.4f}" if progress.scores else ""
        loss = sum(self._losses) / len(self._losses)
        with self._path.open("a", newline="", encoding="utf-8") as file:
            line = [progress.step, f"{progress.seconds:.1f}", f"{progress.rate:.3e}", f"{loss:.6f}", psnr, cases]
            csv.writer(file).writerow(line)
        self._losses.clear()


def read_log(path: Path) -> list[dict[str, str]]:
    """The lines of a log as dictionaries of strings; an unfinished last line is left out."""
    with path.open(newline="", encoding="utf-8") as file:
        return [row for row in csv.DictReader(file) if None not in row.values()]
