"""The network a recipe asks for: fresh, or from weights."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import nn

from ..imaging.level import DenoiseError
from ..imaging.randomness import seeded
from ..models.contract import Spec
from ..models.loader import bundled, find_file, load_network
from ..models.registry import Architecture, Weights, architectures
from ..models.saving import check_savable
from .objectives import Student, Teacher
from .recipe import Recipe, RecipeError
from .samples import under


def make_student(recipe: Recipe) -> Student:
    """A fresh network with the recipe's options and seed, or the one in `init`, or one made from that.

    Raises:
        RecipeError: unknown network, one that cannot be made from options, or `init` of an unrelated architecture.
        DenoiseError: `init` that cannot be loaded, or of a network that no file can hold.
    """
    known = {a.name: a for a in architectures() if a.create is not None}
    if recipe.network not in known:
        raise RecipeError(f"recipe entry 'network' is {recipe.network!r}; use one of {', '.join(sorted(known))}.")
    architecture = known[recipe.network]
    if recipe.init:
        network, spec = load_network(find_file(recipe.init), stay_small=False)
        check_savable(network, spec)
        if spec.architecture in architecture.adopt:
            network = architecture.adopt[spec.architecture](network)
            spec = architecture.spec(Weights(network.state_dict()))
        elif spec.architecture != recipe.network:
            raise RecipeError(f"the weights '{recipe.init}' are of {spec.architecture}, not of {recipe.network}.")
    else:
        with seeded(recipe.seed):
            network, spec = _fresh(architecture, recipe.options)
    if recipe.prediction:
        spec = replace(spec, prediction=recipe.prediction)
    return Student(network.requires_grad_(True), replace(spec, name=recipe.name))


def _fresh(architecture: Architecture, options: Mapping[str, Any]) -> tuple[nn.Module, Spec]:
    try:
        network = architecture.create(**{k: _tuple(v) for k, v in options.items()})  # type: ignore[misc]
        card = architecture.describe(network)
        return network, replace(architecture.spec(Weights(network.state_dict(), card)), card=card)
    except (TypeError, ValueError, RuntimeError, LookupError, ArithmeticError) as error:
        reason = " ".join(str(error).split())
        raise RecipeError(f"recipe entry 'options' does not fit {architecture.name} ({reason}); mend it.") from error


def make_teacher(recipe: Recipe, root: Path | None, device: torch.device) -> Teacher | None:
    """The denoiser that the recipe names as its teacher. DenoiseError when it cannot be loaded."""
    if not recipe.teacher:
        return None
    file = find_file(recipe.teacher) if recipe.teacher in bundled() else under(root, recipe.teacher)
    if not file.exists():
        raise DenoiseError(
            f"the teacher '{file}' does not exist; name another with --teacher, or leave it empty for none."
        )
    network, spec = load_network(file, stay_small=False)
    network = network.to(device).to(memory_format=torch.channels_last).requires_grad_(False)
    return Teacher(network, spec, recipe.teacher_share)


def _tuple(value: object) -> object:
    """TOML has lists, constructors want tuples."""
    return tuple(value) if isinstance(value, list) else value
