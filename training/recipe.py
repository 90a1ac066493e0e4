"""Recipes: small TOML files that say all that a training depends on, checked before anything is computed."""

from __future__ import annotations

import sys
import types
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field, fields, is_dataclass
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from ..imaging.level import DenoiseError
from ..imaging.noise import NOISE_KINDS

RECIPES = Path(__file__).parent / "recipes"


@dataclass(frozen=True)
class Network:
    """name: an architecture class of `models/networks`. options: its constructor's arguments."""

    name: str
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class ObjectiveChoice:
    """name: a key of `training.objectives.OBJECTIVES`. options: its fields."""

    name: str
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Source:
    """A folder of pictures, relative to the data folder.

    kind: 'clean' pictures that get noise from the mixture, or noisy/clean 'pairs' matched by name. files: glob of the
    pictures taken. share: how often, relative to the other sources. label: class of all its pictures, -1 = none.
    """

    folder: str
    kind: Literal["clean", "pairs"] = "clean"
    files: str = "*"
    share: float = 1.0
    label: int = -1


@dataclass(frozen=True)
class NoiseShare:
    """One part of the noise mixture.

    kind: a key of NOISE_KINDS. amount: range on the scale of the Add Noise node (σ on 0–255, % of values, ISO …).
    spacing: whether the amount is uniform in itself or in its logarithm. share: how often, relative to the others.
    gaussian: range of σ (0–255) of white noise added on top. options: further arguments of the kind.
    """

    kind: str
    amount: tuple[float, float]
    spacing: Literal["linear", "log"] = "linear"
    share: float = 1.0
    gaussian: tuple[float, float] = (0.0, 0.0)
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Augmentation:
    """flips: mirrored and turned by quarters. colour: how often channels are permuted, scaled and saturated."""

    flips: bool = True
    colour: float = 0.0


@dataclass(frozen=True)
class Optimiser:
    """name and its numbers; clip: largest gradient norm, 0 = any."""

    name: Literal["adam", "adamw"] = "adam"
    rate: float = 1e-3
    betas: tuple[float, float] = (0.9, 0.999)
    weight_decay: float = 0.0
    clip: float = 0.0


@dataclass(frozen=True)
class Schedule:
    """How long, and the learning rate on the way.

    steps or minutes: the length (the other is 0). kind: 'cosine' falls to `floor`·rate at the end, 'exponential'
    multiplies by `gamma` after every `epoch_steps` steps, 'constant' stays. warmup: steps of linear rise.
    """

    steps: int = 0
    minutes: float = 0.0
    kind: Literal["cosine", "exponential", "constant"] = "cosine"
    warmup: int = 0
    floor: float = 0.0
    gamma: float = 1.0
    epoch_steps: int = 0


@dataclass(frozen=True)
class NoiseCase:
    """A noise to validate with; amount on the scale of the Add Noise node."""

    kind: str
    amount: float


@dataclass(frozen=True)
class Validation:
    """Every `every`-th picture of a source is never trained on (0: validate on training pictures).

    crop: side of the centre crop compared. limit: pictures per source. interval: steps between validations.
    noise: what the clean ones get; pairs have their own.
    """

    every: int = 50
    crop: int = 256
    limit: int = 8
    interval: int = 500
    noise: tuple[NoiseCase, ...] = (NoiseCase("gaussian", 25.0),)


@dataclass(frozen=True)
class Recipe:
    """All that the result depends on, with the data and the number of threads."""

    name: str
    network: Network
    objective: ObjectiveChoice
    sources: tuple[Source, ...]
    schedule: Schedule
    noise: tuple[NoiseShare, ...] = ()
    augmentation: Augmentation = Augmentation()
    optimiser: Optimiser = Optimiser()
    validation: Validation = Validation()
    description: str = ""
    licence: str = ""
    init: str = ""
    seed: int = 0
    crop: int = 128
    batch: int = 8
    ema: float = 0.999
    precision: Literal["auto", "fp32", "bf16", "fp16"] = "auto"
    checkpoint_minutes: float = 3.0


def load_recipe(name_or_path: str | Path) -> Recipe:
    """A recipe of `training/recipes` by name, or any TOML file.

    Raises:
        DenoiseError: no such recipe, not TOML, an unknown or missing key, or a value out of range; the text says which.
    """
    inside = RECIPES / f"{name_or_path}.toml"
    path = inside if inside.is_file() else Path(name_or_path)
    if not path.is_file():
        known = ", ".join(sorted(file.stem for file in RECIPES.glob("*.toml")))
        raise DenoiseError(f"recipe '{name_or_path}' is neither a file nor one of {known}.")
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise DenoiseError(f"recipe '{path.name}' is not valid TOML: {error}.") from error
    return parse_recipe({"name": path.stem, **table})


def parse_recipe(table: Mapping[str, Any]) -> Recipe:
    """A recipe from nested tables; see `load_recipe` for what is refused."""
    recipe = _read(Recipe, table, "recipe")
    _check(recipe)
    return recipe


def _read(kind: Any, value: Any, where: str) -> Any:
    origin, arguments = get_origin(kind), get_args(kind)
    if is_dataclass(kind):
        return _read_table(kind, value, where)
    if origin in (Union, types.UnionType):
        return _read(arguments[0], value, where)
    if origin is tuple and isinstance(value, (list, tuple)):
        if arguments[-1] is Ellipsis:
            return tuple(_read(arguments[0], item, f"{where}[{i}]") for i, item in enumerate(value))
        if len(value) == len(arguments):
            return tuple(_read(a, item, where) for a, item in zip(arguments, value, strict=True))
    if origin is Literal and value in arguments:
        return value
    if kind is float and isinstance(value, (int, float)) and not isinstance(value, bool):
        return float(value)
    if kind in (int, str, bool) and type(value) is kind:
        return value
    if origin is Mapping or str(origin) == "<class 'collections.abc.Mapping'>":
        if isinstance(value, Mapping):
            return dict(value)
    wanted = " or ".join(map(repr, arguments)) if origin is Literal else str(kind).removeprefix("typing.")
    raise DenoiseError(f"{where} must be {wanted}, got {value!r}; correct the recipe.")


def _read_table(kind: Any, value: Any, where: str) -> Any:
    if not isinstance(value, Mapping):
        raise DenoiseError(f"{where} must be a table, got {value!r}; correct the recipe.")
    hints = get_type_hints(kind)
    unknown = sorted(set(value) - set(hints))
    if unknown:
        raise DenoiseError(f"{where} has no key '{unknown[0]}'; its keys are {', '.join(hints)}.")
    missing = [f.name for f in fields(kind) if f.default is MISSING and f.default_factory is MISSING]
    missing = [name for name in missing if name not in value]
    if missing:
        raise DenoiseError(f"{where} lacks '{missing[0]}'; add it.")
    return kind(**{key: _read(hints[key], item, f"{where}.{key}") for key, item in value.items()})


def _check(recipe: Recipe) -> None:
    schedule = recipe.schedule
    rules = [
        ((schedule.steps > 0) != (schedule.minutes > 0), "schedule needs either steps or minutes above 0"),
        (schedule.kind != "exponential" or schedule.epoch_steps > 0, "an exponential schedule needs epoch_steps"),
        (recipe.batch > 0 and recipe.crop > 0, "batch and crop must be at least 1"),
        (0 <= recipe.ema < 1, "ema must be at least 0 and below 1"),
        (recipe.seed >= 0, "seed must not be negative"),
        (0 <= recipe.augmentation.colour <= 1, "augmentation.colour must be between 0 and 1"),
        (bool(recipe.sources), "at least one source is needed"),
        (all(s.share > 0 for s in recipe.sources), "every source needs a share above 0"),
        (all(n.share > 0 for n in recipe.noise), "every noise needs a share above 0"),
        (all(n.amount[0] <= n.amount[1] for n in recipe.noise), "a noise amount must be [low, high]"),
        (all(n.spacing == "linear" or n.amount[0] > 0 for n in recipe.noise), "log spacing needs an amount above 0"),
    ]
    for holds, rule in rules:
        if not holds:
            raise DenoiseError(f"recipe '{recipe.name}': {rule}.")
    for noise in (*recipe.noise, *recipe.validation.noise):
        if noise.kind not in NOISE_KINDS:
            raise DenoiseError(f"recipe '{recipe.name}': noise '{noise.kind}' is none of {', '.join(NOISE_KINDS)}.")
