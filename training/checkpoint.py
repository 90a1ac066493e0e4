"""Files that are either whole or absent, whenever the process is killed."""

from __future__ import annotations

import os
import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor

from ..imaging.level import DenoiseError


def save_checkpoint(path: Path, content: Mapping[str, Any]) -> None:
    """Write to a temporary file beside `path`, then rename."""
    partial = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    torch.save(dict(content), partial)
    partial.replace(path)


def load_checkpoint(path: Path) -> dict[str, Any]:
    """What `save_checkpoint` wrote; only tensors and plain values are accepted. Raises DenoiseError."""
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, EOFError, pickle.UnpicklingError) as error:
        raise DenoiseError(f"checkpoint '{path}' cannot be read ({error}); delete it to start anew.") from error


def save_weights(path: Path, state: Mapping[str, Tensor], card: Mapping[str, str], half: bool = True) -> None:
    """Safetensors with the card as metadata; floating-point tensors in fp16 if `half`."""
    tensors = {
        key: (value.half() if half and value.dtype.is_floating_point else value).detach().cpu().contiguous().clone()
        for key, value in state.items()
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    save_file(tensors, str(partial), metadata={key: str(value) for key, value in card.items()})
    partial.replace(path)
