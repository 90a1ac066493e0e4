"""A training recipe: everything a run depends on, read from a small TOML file and checked before anything starts."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from pathlib import Path, PureWindowsPath
from typing import Any, get_type_hints

from ..imaging.level import DenoiseError
from ..imaging.names import check_name
from .recipe_parts import (
    Data,
    NoisePart,
    Optimiser,
    RecipeError,
    Schedule,
    Validation,
    check_pairs_suffice,
    require,
)

__all__ = [
    "Data",
    "NoisePart",
    "Optimiser",
    "Recipe",
    "RecipeError",
    "Schedule",
    "Validation",
    "bundled_recipes",
    "check_pairs_suffice",
    "load_recipe",
    "recipe_from",
]

RECIPES = Path(__file__).parent / "recipes"
TAUGHT = ("interpolation", "regression")
"""Objectives that can follow a teacher."""


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
        require(
            _names_a_file(self.name), "name", f"is {self.name!r}; files are called after it, so use letters and '_'"
        )
        require(not self.data.clean or bool(self.noise), "noise", "is missing; clean pictures need a noise mixture")
        if self.data.pairs:
            check_pairs_suffice(self.objective)
        require(self.seed >= 0, "seed", "must not be negative")
        require(0 <= self.teacher_share <= 1, "teacher_share", "must be between 0 and 1")
        taught = not self.teacher or self.objective in TAUGHT
        require(taught, "teacher", f"is for the objectives {' and '.join(TAUGHT)}; leave it out or choose one of them")


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
        content = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise RecipeError(f"recipe '{path.name}' is no TOML file ({error}); mend that line.") from error
    return recipe_from(content)


def recipe_from(content: Mapping[str, Any]) -> Recipe:
    """A dict as TOML gives it → the recipe. Raises RecipeError."""
    return _build(Recipe, content, "")


def _build(kind: Any, content: Any, where: str) -> Any:
    """Fill a dataclass from a dict, its fields' own dataclasses included; every unknown key is an error."""
    require(isinstance(content, Mapping), where or "(top)", "must be a table")
    hints = get_type_hints(kind)
    known = {entry.name for entry in fields(kind)}
    for key in content:
        require(key in known, f"{where}{key}", f"is unknown; known are {', '.join(sorted(known))}")
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
        require(isinstance(value, (list, tuple)), where, f"must be a list of tables, written as [[{where}]]")
        return tuple(_build(NoisePart, part, f"{where}.") for part in value)
    if getattr(hint, "__origin__", None) is Mapping:
        require(isinstance(value, Mapping), where, f"must be a table, written as [{where}]")
    if getattr(hint, "__origin__", None) is tuple:
        value = (value,) if isinstance(value, (str, float, int)) else value
        require(isinstance(value, (list, tuple)), where, "must be a list")
        kind, word = (str, "texts") if hint.__args__[0] is str else ((int, float), "numbers")
        require(all(isinstance(entry, kind) for entry in value), where, f"must be a list of {word}, got {value!r}")
        return tuple(value)
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if isinstance(hint, type):
        require(isinstance(value, hint), where, f"must be of type {hint.__name__}, got {value!r}")
    return value
