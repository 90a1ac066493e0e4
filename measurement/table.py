"""One row per denoised picture, and what can be asked of many rows."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace


@dataclass(frozen=True)
class Row:
    """One picture, one noise, one denoiser.

    denoiser, kind, image: names. amount: of the noise on the scale of nodes and papers (0–255 for Gaussian sigma).
    psnr, ssim: of the result; noisy_psnr, noisy_ssim: of the input as it was given, all against the clean picture.
    complexity: spatial information of the clean picture. megapixels, seconds: of the picture and of its denoising.
    peak_bytes: most memory taken beyond what was taken before; NaN where it cannot be known.
    """

    denoiser: str
    kind: str
    amount: float
    image: str
    psnr: float
    ssim: float
    noisy_psnr: float
    noisy_ssim: float
    complexity: float
    megapixels: float
    seconds: float
    peak_bytes: float = math.nan

    @property
    def gain(self) -> float:
        """PSNR won over the noisy input, dB."""
        return 0.0 if math.isinf(self.psnr) and math.isinf(self.noisy_psnr) else self.psnr - self.noisy_psnr

    @property
    def speed(self) -> float:
        """Megapixels per second."""
        return self.megapixels / max(self.seconds, 1e-9)


@dataclass(frozen=True)
class Model:
    """What is true of a denoiser whatever it is measured on: parameters 0 and bytes 0 where it has no network.

    weights: its own name, which a table may replace by a label.
    """

    architecture: str
    parameters: int = 0
    bytes: int = 0
    weights: str = ""


@dataclass(frozen=True)
class Score:
    """Means over the pictures of one denoiser under one noise; speed is the median, memory the largest."""

    denoiser: str
    kind: str
    amount: float
    images: int
    psnr: float
    ssim: float
    gain: float
    noisy_psnr: float
    noisy_ssim: float
    speed: float
    peak_bytes: float


@dataclass(frozen=True)
class DenoiseTable:
    """Plain data: rows, the denoisers they name, and the settings under which they were measured."""

    rows: tuple[Row, ...]
    models: Mapping[str, Model] = field(default_factory=dict)
    settings: Mapping[str, str] = field(default_factory=dict)

    def with_settings(self, settings: Mapping[str, str]) -> DenoiseTable:
        """The same table with further words about how it was made, before those it has."""
        return replace(self, settings={**settings, **self.settings})

    def denoisers(self) -> list[str]:
        """Names in the order of their first row."""
        return list(dict.fromkeys(row.denoiser for row in self.rows))

    def cases(self) -> list[tuple[str, float]]:
        """(kind, amount) pairs in the order of their first row."""
        return list(dict.fromkeys((row.kind, row.amount) for row in self.rows))

    def scores(self) -> list[Score]:
        """One score per denoiser and case, the cases in order and in each the best PSNR first."""
        groups: dict[tuple[str, str, float], list[Row]] = {}
        for row in self.rows:
            groups.setdefault((row.denoiser, row.kind, row.amount), []).append(row)
        cases = self.cases()
        scores = [_score(rows) for rows in groups.values()]
        return sorted(scores, key=lambda s: (cases.index((s.kind, s.amount)), -s.psnr))

    def ranking(self) -> list[tuple[str, float]]:
        """(denoiser, mean gain in dB over its cases), the best first.

        Cases whose input has no noise count for nothing, as all that can be lost there is infinite; NaN without others.
        """
        gains = {
            name: [s.gain for s in self.scores() if s.denoiser == name and math.isfinite(s.gain)]
            for name in self.denoisers()
        }
        means = ((name, statistics.fmean(values) if values else math.nan) for name, values in gains.items())
        return sorted(means, key=lambda item: math.inf if math.isnan(item[1]) else -item[1])


def _score(rows: Sequence[Row]) -> Score:
    def mean(name: str) -> float:
        values = [value for row in rows if math.isfinite(value := getattr(row, name))]
        return statistics.fmean(values) if values else getattr(rows[0], name)

    first, peaks = rows[0], [row.peak_bytes for row in rows if not math.isnan(row.peak_bytes)]
    means = {name: mean(name) for name in ("psnr", "ssim", "gain", "noisy_psnr", "noisy_ssim")}
    speed = statistics.median(row.speed for row in rows)
    return Score(
        first.denoiser,
        first.kind,
        first.amount,
        len(rows),
        **means,
        speed=speed,
        peak_bytes=max(peaks, default=math.nan),
    )


def join(tables: Iterable[DenoiseTable]) -> DenoiseTable:
    """All rows in order. A denoiser's name that stands for two different things gets a number: 'nlm', 'nlm (2)'.

    Settings on which the tables differ are named side by side.
    """
    return join_named(tables)[0]


def join_named(tables: Iterable[DenoiseTable]) -> tuple[DenoiseTable, list[dict[str, str]]]:
    """`join`, and for each table what its denoisers are called now, by what they were called."""
    rows: list[Row] = []
    models: dict[str, Model] = {}
    settings: dict[str, str] = {}
    renamed: list[dict[str, str]] = []
    for table in tables:
        names: dict[str, str] = {}
        renamed.append(names)
        for name in table.denoisers():
            names[name] = _free(name, table, rows, {*table.denoisers(), *names.values()} - {name})
        rows += [replace(row, denoiser=names[row.denoiser]) for row in table.rows]
        models.update({names.get(name, name): model for name, model in table.models.items()})
        for key, value in table.settings.items():
            known = settings.setdefault(key, value)
            if value not in known.split(" / "):
                settings[key] = f"{known} / {value}"
    return DenoiseTable(tuple(rows), models, settings), renamed


def _free(name: str, table: DenoiseTable, rows: Sequence[Row], others: Set[str]) -> str:
    """`name`, numbered while rows already there have it for the same picture and noise, or `others` of the table do."""
    wanted = {(row.kind, row.amount, row.image) for row in table.rows if row.denoiser == name}
    number, free = 1, name
    while free in others or any(row.denoiser == free and (row.kind, row.amount, row.image) in wanted for row in rows):
        number += 1
        free = f"{name} ({number})"
    return free
