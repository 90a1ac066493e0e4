"""Weight files: named tensors and metadata, and never foreign code."""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from ..imaging.files import writing
from ..imaging.level import DenoiseError
from .registry import Weights

PICKLES = (".pth", ".pt", ".ckpt", ".bin")
SUFFIXES = (".safetensors", *PICKLES)
DEEPEST = 10
"""Levels of nesting; a file may hold itself."""
NESTED = ("params_ema", "params-ema", "params", "model_state_dict", "state_dict", "model", "net", "generator")
"""Where training checkpoints keep the network, the averaged weights first."""
PREFIXES = ("module.", "_orig_mod.", "netG.")
"""What data-parallel training, torch.compile and GAN trainers put before every name."""
SAFE_TORCH = (2, 6)
"""Before it, a pickle could run code in spite of weights_only=True (CVE-2025-32434)."""
REFUSED = ("Unsupported global", "Unsupported class", "Trying to")
"""How torch's restricted unpickler says that a file asks for more than tensors."""


def read_weights(path: Path) -> Weights:
    """The tensors of a weight file, and its metadata (empty for pickles); nothing in a pickle is ever executed.

    Raises:
        DenoiseError: no weight file, corrupt, empty, without tensors, with NaN or infinity in one, or a pickle that
            asks for more than tensors or that this torch cannot read safely.
    """
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        raise DenoiseError(f"'{path.name}' is no weight file; use {', '.join(SUFFIXES)}.")
    if path.stat().st_size == 0:
        raise DenoiseError(f"'{path.name}' is empty; download it again.")
    weights = _read_pickle(path) if suffix in PICKLES else _read_safetensors(path)
    if not weights.state:
        raise DenoiseError(f"'{path.name}' holds no tensors; name a file with a network's weights.")
    if (broken := next((key for key, value in weights.state.items() if not _is_finite(value)), None)) is not None:
        raise DenoiseError(
            f"'{path.name}' holds NaN or infinity in '{broken}', as after a training that went wrong; take an earlier "
            "state of it or download it again."
        )
    return weights


def _is_finite(tensor: Tensor) -> bool:
    """Whether float32 holds all of it; one sum tells nearly always, five times as fast as to look at each number."""
    if not tensor.is_floating_point():
        return True
    return bool(tensor.sum(dtype=torch.float32).isfinite() or tensor.float().isfinite().all())


def _read_safetensors(path: Path) -> Weights:
    try:
        with safe_open(str(path), "pt") as file:
            state = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
            return Weights(_unwrapped(state), file.metadata() or {})
    except (SafetensorError, OSError) as error:
        raise _unreadable(path, error) from error


def check_pickles_are_safe(path: Path) -> None:
    """Raises DenoiseError where this torch could run code that hides in a pickle."""
    if _torch_version() < SAFE_TORCH:
        raise DenoiseError(
            f"'{path.name}' is a pickle, which torch {torch.__version__} cannot read without the danger of running "
            "foreign code; update torch to 2.6 or later, or convert the file to safetensors."
        )


def _read_pickle(path: Path) -> Weights:
    check_pickles_are_safe(path)
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        if not (any(words in str(error) for words in REFUSED) or _starts_like_a_pickle(path)):
            raise DenoiseError(f"'{path.name}' is no readable weight file; download it again.") from error
        raise DenoiseError(
            f"'{path.name}' is refused because it holds more than tensors and loading it could run foreign code; "
            "ask its author for a safetensors file."
        ) from error
    except (RuntimeError, EOFError, OSError, LookupError, ValueError, AttributeError) as error:
        if "TorchScript" in str(error):
            raise DenoiseError(
                f"'{path.name}' is refused because it is a TorchScript program; use a file with its weights alone."
            ) from error
        raise _unreadable(path, error) from error
    return Weights(_tensors(_network_of(content), path))


def _torch_version() -> tuple[int, int]:
    major, minor = torch.__version__.split(".")[:2]
    return int(major), int(minor)


def _starts_like_a_pickle(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(1) == pickle.PROTO


def _unreadable(path: Path, error: Exception) -> DenoiseError:
    reason = str(error).strip().split("\n")[0].split(". ")[0].rstrip(".") or type(error).__name__
    return DenoiseError(f"'{path.name}' is no readable weight file ({reason}); download it again.")


def _network_of(content: Any) -> Any:
    """The state dict inside a training checkpoint, however deep it is nested."""
    for _ in range(DEEPEST):
        if not isinstance(content, dict):
            break
        inner = next((content[key] for key in NESTED if isinstance(content.get(key), dict)), None) or _only(content)
        if inner is None:
            return content
        content = inner
    return content


def _only(content: dict) -> dict | None:
    """The one dict with tensors, under whatever name, in a checkpoint that has none beside it."""
    if _has_tensors(content):
        return None
    parts = [part for part in content.values() if isinstance(part, dict) and _has_tensors(part)]
    return parts[0] if len(parts) == 1 else None


def _has_tensors(content: dict) -> bool:
    return any(isinstance(value, Tensor) for value in content.values())


def _tensors(content: Any, path: Path) -> dict[str, Tensor]:
    if not isinstance(content, dict):
        raise DenoiseError(
            f"'{path.name}' holds a {type(content).__name__} instead of named tensors; name a file with weights."
        )
    return _unwrapped({str(key): value for key, value in content.items() if isinstance(value, Tensor)})


def _unwrapped(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """The names without what wrappers put before all of them, in whatever order they were put on."""
    for prefix in PREFIXES:
        if state and all(key.startswith(prefix) for key in state):
            return _unwrapped({key.removeprefix(prefix): value for key, value in state.items()})
    return state


def halved(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Floating tensors as float16; those with a number beyond its range, 65504, stay as they are."""
    halves = {key: value.half() for key, value in state.items() if value.is_floating_point()}
    return {**state, **{key: value for key, value in halves.items() if value.isfinite().all()}}


def write_weights(path: Path, state: Mapping[str, Tensor], metadata: Mapping[str, str]) -> None:
    """Save tensors and metadata as safetensors: to a temporary file first, so that a file is whole or absent.

    Raises:
        DenoiseError: the name has another ending, or the folder cannot be written.
    """
    if path.suffix.lower() != ".safetensors":
        raise DenoiseError(f"'{path.name}' must end in .safetensors to be saved; change the name.")
    tensors = {key: value.detach().cpu().contiguous() for key, value in state.items()}
    try:
        with writing(path) as partial:
            partial.write_bytes(save(tensors, dict(metadata)))  # save_file makes files that only their owner can read
    except (OSError, SafetensorError) as error:
        raise DenoiseError(f"'{path}' cannot be written ({error}); choose another place.") from error
