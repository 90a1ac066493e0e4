"""Architectures announce themselves here: how to recognise a state dict, build the network, describe it."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from torch import Tensor, nn

from .contract import Spec

StateDict = Mapping[str, Tensor]


@dataclass(frozen=True)
class Weights:
    """What a weight file holds: its tensors by name, and what it says about itself (safetensors metadata)."""

    state: StateDict
    metadata: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Architecture:
    """One network family.

    detect: whether the weights are of this family, by names and shapes; metadata may only decide between equal ones.
    build: the network with the file's own sizes, weights not yet loaded. spec: its metadata, `card` left empty.
    create: the network from its constructor's options, for training; None = only from weights.
    describe: metadata without which a file of this network's tensors could not be built again.
    adopt: makes this network from a trained one of another family, by that family's name, as a start for training.
    prepare: renames or strips keys before `build`, `spec` and loading.
    """

    name: str
    detect: Callable[[Weights], bool]
    build: Callable[[Weights], nn.Module]
    spec: Callable[[Weights], Spec]
    prepare: Callable[[StateDict], StateDict] = dict
    create: Callable[..., nn.Module] | None = None
    describe: Callable[[nn.Module], Mapping[str, str]] = lambda network: {}
    adopt: Mapping[str, Callable[[nn.Module], nn.Module]] = field(default_factory=dict)


_architectures: dict[str, Architecture] = {}


def register(architecture: Architecture) -> Architecture:
    """Add a family. Raises ValueError when the name is taken."""
    if architecture.name in _architectures:
        raise ValueError(f"architecture {architecture.name!r} is registered twice.")
    _architectures[architecture.name] = architecture
    return architecture


def architectures() -> list[Architecture]:
    """All families by name; every file of `models/networks` is imported on the first call."""
    package = importlib.import_module(".networks", __package__)
    for module in pkgutil.iter_modules(package.__path__):
        importlib.import_module(f"{package.__name__}.{module.name}")
    return sorted(_architectures.values(), key=lambda architecture: architecture.name)


def find(weights: Weights) -> Architecture | None:
    """The family these weights belong to, or None."""
    return next((a for a in architectures() if a.detect(weights)), None)


def count_blocks(state: StateDict, prefix: str) -> int:
    """How many numbers follow `prefix.` in the key names: 2 for 'encoder' of encoder.0 and encoder.1."""
    start = prefix + "."
    numbers = {key[len(start) :].split(".")[0] for key in state if key.startswith(start)}
    return len({n for n in numbers if n.isdigit()})
