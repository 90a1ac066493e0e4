"""From a name or a file to a denoiser."""

from __future__ import annotations

import os
import pickle
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from ..imaging.level import DenoiseError
from .contract import Spec
from .diffusers_folder import locate
from .network_denoiser import NetworkDenoiser
from .placement import Placement, PlainPlacement, resolve_device
from .registry import Architecture, Weights, find

WEIGHTS = Path(__file__).parent / "weights"
PICKLES = (".pth", ".pt", ".ckpt", ".bin")
SUFFIXES = (".safetensors", *PICKLES)
NESTED = ("params_ema", "params", "state_dict", "model_state_dict", "net")


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


def read_state(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Tensors and metadata of a weight file; nothing in a pickle is ever executed.

    Raises:
        DenoiseError: not a weight file, corrupt, empty, or a pickle that wants to run code.
    """
    if path.suffix == ".safetensors":
        try:
            with safe_open(str(path), "pt") as file:
                return {key: file.get_tensor(key) for key in file.keys()}, file.metadata() or {}  # noqa: SIM118
        except (SafetensorError, OSError) as error:
            raise DenoiseError(
                f"'{path.name}' is not a readable safetensors file ({error}); download it again."
            ) from error
    if path.suffix not in PICKLES:
        raise DenoiseError(f"'{path.name}' is no weight file; use {', '.join(SUFFIXES)}.")
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise DenoiseError(
            f"'{path.name}' holds more than tensors and is refused, because loading it could run foreign code; "
            "ask its author for a safetensors file."
        ) from error
    except (RuntimeError, EOFError, OSError, KeyError, ValueError) as error:
        raise DenoiseError(f"'{path.name}' is not a readable weight file ({error}); download it again.") from error
    return _unwrap(content, path), {}


def _unwrap(content: object, path: Path) -> dict[str, Tensor]:
    """The state dict inside a training checkpoint, without the `module.` of data-parallel training."""
    if isinstance(content, dict):
        content = next((content[key] for key in NESTED if isinstance(content.get(key), dict)), content)
    if not isinstance(content, dict):
        raise DenoiseError(f"'{path.name}' holds a {type(content).__name__} instead of named tensors.")
    tensors = {str(key): value for key, value in content.items() if isinstance(value, Tensor)}
    return {key.removeprefix("module."): value for key, value in tensors.items()}


def build(architecture: Architecture, weights: Weights) -> tuple[torch.nn.Module, Spec]:
    """The network with its weights in float32, and its spec with the card of the file."""
    weights = replace(weights, state=architecture.prepare(weights.state))
    card = dict(weights.metadata)
    network = architecture.build(weights)
    try:
        network.load_state_dict({key: value.float() for key, value in weights.state.items()})
    except RuntimeError as error:
        raise DenoiseError(f"the file looks like {architecture.name}, but its tensors do not fit: {error}") from error
    spec = replace(architecture.spec(weights), card=card)
    if "halo" in card:
        spec = replace(spec, halo=int(card["halo"]))
    return network.eval(), spec


def load_denoiser(
    name_or_path: str | os.PathLike[str],
    device: str | torch.device = "auto",
    precision: str = "auto",
    tile: int = 0,
    place: Callable[[torch.nn.Module], Placement] | None = None,
) -> NetworkDenoiser:
    """Load a bundled denoiser by name, or any weight file or folder saved by diffusers by path.

    Args:
        device: auto, cpu, cuda, cuda:1, mps …
        precision: auto, fp32, bf16, fp16.
        tile: tile side in pixels; 0 = automatic.
        place: decides where the network runs instead of `device`, for hosts that manage memory themselves.

    Raises:
        DenoiseError: no such file, unreadable, dangerous, or of no known architecture. ValueError: device, precision.
    """
    path = find_file(name_or_path)
    file, configs = locate(path)
    state, card = read_state(file)
    if not state:
        raise DenoiseError(f"'{file.name}' holds no tensors; download it again.")
    weights = Weights(state, {**card, **configs})
    architecture = find(weights)
    if architecture is None:
        raise DenoiseError(f"'{path.name}' is of no known architecture.")
    network, spec = build(architecture, weights)
    spec = replace(spec, name=path.stem)
    placement = place(network) if place else PlainPlacement(network, resolve_device(device))
    return NetworkDenoiser(network, spec, placement, precision, tile)
