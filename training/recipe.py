"""A training recipe: everything a run depends on, read from a small TOML file and checked before anything starts."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from pathlib import Path, PureWindowsPath
from typing import Any, get_type_hints

from ..imaging.level import DenoiseError
from ..imaging.names import check_name
from ..imaging.noise import NOISE_KINDS

RECIPES = Path(__file__).parent / "recipes"
TAUGHT = ("interpolation", "regression")
"""Objectives that can follow a teacher."""
TWICE_NOISY = ("noise2noise",)
"""Objectives that learn from two noisy pictures of every scene."""


class RecipeError(ValueError):
    """A recipe that cannot be followed; the text names the entry, the problem and the way out."""


def _require(holds: bool, entry: str, problem: str) -> None:
    if not holds:
        raise RecipeError(f"recipe entry '{entry}' {problem}.")


def check_pairs_suffice(objective: str) -> None:
    """Raise RecipeError for an objective that pairs of a noisy and a clean picture cannot serve."""
    _require(
        objective not in TWICE_NOISY,
        "data.pairs",
        f"has one noisy picture per scene, but {objective} needs two; name folders of clean pictures in data.clean, to "
        "which noise is added twice, or train pairs (of two noisy shots, too) with objective 'regression', norm 'l2'",
    )


@dataclass(frozen=True)
class NoisePart:
    """One kind of noise in the mixture.

    kind: a key of NOISE_KINDS. weight: its share of the clean samples. low, high: range of its amount on the node
    scale (sigma of 255, ISO, quality …), drawn evenly, or evenly in the logarithm. options: more arguments of the kind.
    on_top: probability that Gaussian noise of sigma up to on_top_sigma (of 255) is added to it; on Gaussian noise the
    two make one of their joint sigma.
    """

    kind: str
    low: float
    high: float
    weight: float = 1.0
    logarithmic: bool = False
    options: Mapping[str, Any] = field(default_factory=dict)
    on_top: float = 0.0
    on_top_sigma: float = 0.0

    def __post_init__(self) -> None:
        _require(self.kind in NOISE_KINDS, "noise.kind", f"is {self.kind!r}; use one of {', '.join(NOISE_KINDS)}")
        _require(self.low <= self.high, "noise.low", f"({self.low}) is above noise.high ({self.high})")
        _require(not self.logarithmic or self.low > 0, "noise.low", "must be positive for a logarithmic range")
        _require(self.weight > 0, "noise.weight", "must be positive")
        _require(0 <= self.on_top <= 1, "noise.on_top", "is a probability; give 0 to 1")
        above = 0 < self.on_top_sigma < math.inf
        _require(not self.on_top or above, "noise.on_top_sigma", "must be positive and finite where on_top is set")


@dataclass(frozen=True)
class Data:
    """Where pictures come from and how they are cut.

    clean: folders of clean pictures, noise is made on the fly. pairs: folders of noisy/clean pairs. pair_share: share
    of the samples that come from pairs. crop: side in pixels. colour: share of clean samples whose colours are changed
    (channels permuted, saturation drawn). cache_mib: decoded pictures kept in memory.
    """

    clean: tuple[str, ...] = ()
    pairs: tuple[str, ...] = ()
    pair_share: float = 0.0
    crop: int = 128
    batch: int = 8
    gray: bool = False
    colour: float = 0.0
    cache_mib: int = 2048

    def __post_init__(self) -> None:
        _require(bool(self.clean or self.pairs), "data", "names no folder; set data.clean or data.pairs")
        _require(0 <= self.pair_share <= 1, "data.pair_share", "must be between 0 and 1")
        _require(self.crop >= 8 and self.batch >= 1, "data.crop", "must be at least 8, and data.batch at least 1")


@dataclass(frozen=True)
class Schedule:
    """How long and how fast.

    steps or minutes: the length; with both, whichever comes first. decay: 'cosine' falls to final_share of the rate
    over the length; 'epoch' multiplies it by epoch_factor every epoch_steps; 'none'. warm_up: steps of linear rise.
    """

    learning_rate: float = 5e-4
    steps: int = 0
    minutes: float = 0.0
    warm_up: int = 0
    decay: str = "cosine"
    final_share: float = 1e-3
    epoch_steps: int = 0
    epoch_factor: float = 1.0

    def __post_init__(self) -> None:
        _require(
            self.steps > 0 or self.minutes > 0, "schedule", "has no length; set schedule.steps or schedule.minutes"
        )
        _require(self.decay in ("cosine", "epoch", "none"), "schedule.decay", "must be cosine, epoch or none")
        _require(self.decay != "epoch" or self.epoch_steps > 0, "schedule.epoch_steps", "must be set for decay 'epoch'")
        _require(self.learning_rate > 0, "schedule.learning_rate", "must be positive")

    def fraction(self, step: int, seconds: float) -> float:
        """How much of the length is over, 0..1."""
        by_steps = step / self.steps if self.steps else 0.0
        by_time = seconds / (60 * self.minutes) if self.minutes else 0.0
        return min(1.0, max(by_steps, by_time))

    def rate(self, step: int, seconds: float) -> float:
        """Learning rate of step number `step`, counted from 0."""
        rise = min(1.0, (step + 1) / self.warm_up) if self.warm_up else 1.0
        if self.decay == "epoch":
            return self.learning_rate * rise * self.epoch_factor ** (step // self.epoch_steps)
        if self.decay == "none":
            return self.learning_rate * rise
        wave = (1 + math.cos(math.pi * self.fraction(step, seconds))) / 2
        return self.learning_rate * rise * (self.final_share + (1 - self.final_share) * wave)


@dataclass(frozen=True)
class Optimiser:
    """AdamW's settings, the gradient norm limit and the moving average of the weights."""

    betas: tuple[float, ...] = (0.9, 0.99)
    weight_decay: float = 0.0
    clip_norm: float = 0.5
    ema: float = 0.999


@dataclass(frozen=True)
class Validation:
    """What is measured on the way: PSNR on clean pictures with Gaussian noise (sigma of 255), and on pairs.

    clean, pairs: folders; empty = the training ones. pictures: how many of each. every: steps between measurements.
    crop: side of the centre that is measured. noise: more kinds of noise for the clean pictures, each drawn once per
    picture.
    """

    clean: tuple[str, ...] = ()
    pairs: tuple[str, ...] = ()
    sigma: float = 25.0
    pictures: int = 4
    crop: int = 256
    every: int = 500
    noise: tuple[NoisePart, ...] = ()


@dataclass(frozen=True)
class Recipe:
    """See the fields' own classes.

    network: an architecture's name. options: arguments of its constructor. prediction: what its output means when that
    differs from the architecture's own ('score'). objective: name of a file in training/objectives.
    objective_options: its settings. init: weights to start from (a bundled name or a path; empty = random),
    of the network itself or of a family that it can be made from; their shape counts, not `options`.
    teacher: weights of a denoiser whose answers stand in for the clean picture where the noise is white, so that the
    student learns the mean of what is possible instead of one draw of it; a bundled name or a path below --data.
    teacher_share: how far the target goes from the clean picture to the teacher's answer.
    """

    name: str
    network: str
    objective: str
    data: Data
    schedule: Schedule
    noise: tuple[NoisePart, ...] = ()
    options: Mapping[str, Any] = field(default_factory=dict)
    objective_options: Mapping[str, Any] = field(default_factory=dict)
    prediction: str = ""
    init: str = ""
    teacher: str = ""
    teacher_share: float = 0.8
    seed: int = 0
    optimiser: Optimiser = Optimiser()
    validation: Validation = Validation()
    notes: str = ""

    def __post_init__(self) -> None:
        _require(
            _names_a_file(self.name), "name", f"is {self.name!r}; files are called after it, so use letters and '_'"
        )
        _require(not self.data.clean or bool(self.noise), "noise", "is missing; clean pictures need a noise mixture")
        if self.data.pairs:
            check_pairs_suffice(self.objective)
        _require(0 <= self.teacher_share <= 1, "teacher_share", "must be between 0 and 1")
        taught = not self.teacher or self.objective in TAUGHT
        _require(taught, "teacher", f"is for the objectives {' and '.join(TAUGHT)}; leave it out or choose one of them")


def _names_a_file(name: str) -> bool:
    try:
        check_name(name)
    except DenoiseError:
        return False
    return PureWindowsPath(name).parts == (name,) and name != ".."


def bundled_recipes() -> list[str]:
    """Names of the recipes in the box."""
    return sorted(path.stem for path in RECIPES.glob("*.toml"))


def load_recipe(name_or_path: str | os.PathLike[str]) -> Recipe:
    """A bundled recipe by name, or any TOML file.

    Raises:
        RecipeError: no such recipe, no TOML, an unknown, missing or impossible entry.
    """
    try:
        import tomllib
    except ImportError:  # Python 3.10
        import tomli as tomllib
    path = RECIPES / f"{name_or_path}.toml" if str(name_or_path) in bundled_recipes() else Path(name_or_path)
    if not path.is_file():
        raise RecipeError(f"recipe '{name_or_path}' is neither one of {', '.join(bundled_recipes())} nor a file.")
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise RecipeError(f"recipe '{path.name}' is no TOML file ({error}); mend that line.") from error
    return recipe_from(content)


def recipe_from(content: Mapping[str, Any]) -> Recipe:
    """A dict as TOML gives it → the recipe. Raises RecipeError."""
    return _build(Recipe, content, "")


def _build(kind: Any, content: Any, where: str) -> Any:
    """Fill a dataclass from a dict, its fields' own dataclasses included; every unknown key is an error."""
    _require(isinstance(content, Mapping), where or "(top)", "must be a table")
    hints = get_type_hints(kind)
    known = {entry.name for entry in fields(kind)}
    for key in content:
        _require(key in known, f"{where}{key}", f"is unknown; known are {', '.join(sorted(known))}")
    values = {key: _convert(hints[key], value, f"{where}{key}") for key, value in content.items()}
    try:
        return kind(**values)
    except TypeError as error:
        missing = str(error).split("argument")[-1].strip("s: ")
        raise RecipeError(f"recipe entry '{where or '(top)'}' lacks {missing}.") from error


def _convert(hint: Any, value: Any, where: str) -> Any:
    if is_dataclass(hint):
        return _build(hint, value, f"{where}.")
    if hint == tuple[NoisePart, ...]:
        return tuple(_build(NoisePart, part, f"{where}.") for part in value)
    if getattr(hint, "__origin__", None) is tuple:
        value = (value,) if isinstance(value, (str, float, int)) else value
        _require(isinstance(value, (list, tuple)), where, "must be a list")
        return tuple(value)
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if isinstance(hint, type):
        _require(isinstance(value, hint), where, f"must be of type {hint.__name__}, got {value!r}")
    return value
