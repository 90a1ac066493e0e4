"""The network of a recipe: new, or continued from a weight file."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Mapping

import torch
from torch import nn

from ..imaging.level import DenoiseError
from ..models.contract import Spec
from ..models.loader import build, find_file
from ..models.weight_file import read_weights
from ..models.registry import Weights, find
from .recipe import Recipe


def make_network(recipe: Recipe) -> tuple[nn.Module, Spec]:
    """The network and its spec; its initial weights depend only on the recipe's seed, or on its `init` file.

    Raises:
        DenoiseError: unknown network or option, or an `init` file of another kind.
    """
    if recipe.init:
        path = find_file(recipe.init)
        weights = read_weights(path)
        architecture = find(weights)
        if architecture is None:
            raise DenoiseError(f"init '{path.name}' is of no known architecture.")
        return build(architecture, weights)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(recipe.seed)
        network = _construct(recipe.network.name, recipe.network.options)
    return network, spec_of(network, recipe.network.name)


def spec_of(network: nn.Module, name: str) -> Spec:
    """What the registry says about a network's tensors."""
    weights = Weights(network.state_dict(), {"architecture": name})
    architecture = find(weights)
    if architecture is None:
        raise DenoiseError(f"network '{name}' is in no architecture's registry; add it to models/networks.")
    return architecture.spec(weights)


def _construct(name: str, options: Mapping[str, object]) -> nn.Module:
    package = importlib.import_module("..models.networks", __package__)
    for module in pkgutil.iter_modules(package.__path__):
        kind = getattr(importlib.import_module(f"{package.__name__}.{module.name}"), name, None)
        if isinstance(kind, type) and issubclass(kind, nn.Module):
            try:
                return kind(**{key: tuple(v) if isinstance(v, list) else v for key, v in options.items()})
            except TypeError as error:
                raise DenoiseError(f"network '{name}' cannot be built from the recipe: {error}.") from error
    raise DenoiseError(f"network '{name}' is no class of models/networks; correct the recipe.")
