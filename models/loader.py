"""From a name or a file to a denoiser."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import get_args

import torch

from ..imaging.level import DenoiseError
from .classical.base import classical
from .contract import Denoiser, Prediction, Spec
from .diffusers_folder import locate
from .lora import KIND as ADAPTER_KIND
from .lora import METADATA as ADAPTER
from .lora import read_adapter, with_adapter
from .network_denoiser import NetworkDenoiser
from .placement import Placement, PlainPlacement, resolve_device
from .precision import check_precision
from .quantise import METADATA as QUANTISATION
from .quantise import quantised, unpack
from .registry import Architecture, Weights, find
from .spandrel_bridge import load_foreign
from .weight_file import SUFFIXES, read_weights
from .zero_shot import ZeroShotDenoiser

__all__ = ["SUFFIXES", "build", "bundled", "find_file", "load_denoiser", "load_network"]

WEIGHTS = Path(__file__).parent / "weights"


def bundled() -> list[str]:
    """Names of the weight files in the box."""
    return sorted(path.stem for path in WEIGHTS.glob("*.safetensors"))


def find_file(name_or_path: str | os.PathLike[str]) -> Path:
    """A bundled name, or any path, → the file, or a folder saved by diffusers. DenoiseError when there is none."""
    inside = WEIGHTS / f"{name_or_path}.safetensors"
    if str(name_or_path) in bundled():
        return inside
    path = Path(name_or_path)
    if not path.exists():
        raise DenoiseError(f"denoiser '{path}' is neither a bundled name ({', '.join(bundled())}) nor a file.")
    return path


def build(architecture: Architecture, weights: Weights) -> tuple[torch.nn.Module, Spec]:
    """The network with its weights in float32, and its spec with the card of the file.

    Raises:
        DenoiseError: the tensors, or the settings beside them, do not fit the architecture they resemble.
    """
    try:
        weights = replace(weights, state=architecture.prepare(weights.state))
        network, spec = architecture.build(weights), architecture.spec(weights)
        network.load_state_dict({key: value.float() for key, value in weights.state.items()})
    except DenoiseError:
        raise
    except (RuntimeError, LookupError, TypeError, ValueError, AttributeError, ArithmeticError) as error:
        reason = " ".join(str(error).split())[:200]
        raise DenoiseError(
            f"the file looks like {architecture.name}, but its contents do not fit ({reason}); download it again."
        ) from error
    return network.eval(), _as_told(spec, dict(weights.metadata))


def _as_told(spec: Spec, card: dict[str, str]) -> Spec:
    """What the file says about itself and no tensor can tell: halos that were measured, and what it learned to say."""
    halos = {name: int(card[name]) for name in ("halo", "halo_half") if card.get(name, "").isdecimal()}
    told = card.get("prediction")
    prediction = next((known for known in get_args(Prediction) if known == told), spec.prediction)
    return replace(spec, card=card, prediction=prediction, **halos)


def load_network(path: Path, stay_small: bool = True) -> tuple[torch.nn.Module, Spec]:
    """A weight file, or a folder saved by diffusers → the network on the CPU, and what is true of it.

    Weights are float32, but for files of quantised ones, which stay small in memory unless `stay_small` is False.

    Raises:
        DenoiseError: unreadable, dangerous, or of no known architecture.
    """
    file, configs = locate(path)
    weights = read_weights(file)
    if weights.metadata.get(ADAPTER) == ADAPTER_KIND:
        raise DenoiseError(f"'{path.name}' is an adapter; load the denoiser it was made for and add it to that.")
    weights = Weights(unpack(weights.state), {**weights.metadata, **configs})
    architecture = find(weights)
    network, spec = load_foreign(weights, path.name) if architecture is None else build(architecture, weights)
    kind = weights.metadata.get(QUANTISATION)
    network = quantised(network, kind) if kind is not None and stay_small else network
    return network, replace(spec, name=path.stem)


def load_denoiser(
    name_or_path: str | os.PathLike[str],
    device: str | torch.device = "auto",
    precision: str = "auto",
    tile: int = 0,
    place: Callable[[torch.nn.Module], Placement] | None = None,
    adapter: str | os.PathLike[str] | None = None,
    strength: float = 1.0,
    compiled: bool = False,
) -> Denoiser:
    """Load a denoiser by name (bundled weights, a classical method, 'zero_shot'), or a weight file or folder by path.

    Args:
        device: auto, cpu, cuda, cuda:1, mps …
        precision: auto, fp32, bf16, fp16.
        tile: tile side in pixels; 0 = automatic.
        place: decides where the network runs instead of `device`, for hosts that manage memory themselves.
        adapter: file of a low-rank adapter that was trained for this denoiser. strength: how much of it; 0 = none.
        compiled: run networks through torch.compile, which pays only after minutes of equal work.

    Raises:
        DenoiseError: no such file, unreadable, dangerous, of no known architecture, an adapter that does not fit, or a
            classical method whose package is missing.
        ValueError: device, precision.
    """
    trainless = {**classical(), "zero_shot": ZeroShotDenoiser(device=str(device))}
    check_precision(precision)
    if str(name_or_path) in trainless:
        resolve_device(device)
        if adapter is not None:
            raise DenoiseError(f"'{name_or_path}' has no weights that an adapter could change; leave it out.")
        if str(name_or_path) in classical():
            classical()[str(name_or_path)].ready()
        return trainless[str(name_or_path)]
    network, spec = load_network(find_file(name_or_path))
    if adapter is not None:
        network, spec = _add_adapter(network, spec, Path(adapter), strength)
    placement = place(network) if place else PlainPlacement(network, resolve_device(device))
    return NetworkDenoiser(network, spec, placement, precision, tile, compiled)


def _add_adapter(network: torch.nn.Module, spec: Spec, file: Path, strength: float) -> tuple[torch.nn.Module, Spec]:
    tensors, words = read_adapter(file)
    own = {key: value for key, value in spec.card.items() if key != QUANTISATION}
    card = {**own, ADAPTER: f"{file.stem}, strength {strength:g}", **_prefixed(words)}
    named = replace(spec, name=f"{spec.name} + {file.stem}", card=card)
    return with_adapter(network, tensors, strength), named


def _prefixed(words: Mapping[str, str]) -> dict[str, str]:
    """What an adapter says about itself, beside what the denoiser says."""
    return {f"{ADAPTER} {key}": value for key, value in words.items() if key not in (ADAPTER, "config", "scheduler")}
