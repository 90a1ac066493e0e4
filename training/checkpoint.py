"""Saving a run so that it can go on, and its network so that it can be used; never half a file."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ..models.weight_file import write_weights

CHECKPOINT = "checkpoint.pt"


@dataclass
class Progress:
    """Where a run is. rows: the log so far, (step, seconds, loss, psnr) each."""

    step: int = 0
    seconds: float = 0.0
    best: float = float("-inf")
    rows: list[tuple[int, float, float, float]] = field(default_factory=list)


def write_atomically(path: Path, write: Any) -> None:
    """Call write(temporary path), then put the file in its place."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        write(temporary)
        os.replace(temporary, path)  # noqa: PTH105
    finally:
        temporary.unlink(missing_ok=True)


def save_network(state: Mapping[str, Tensor], path: Path, metadata: Mapping[str, str], half: bool = True) -> None:
    """A network's tensors as safetensors, fp16 unless told otherwise, with words about itself."""
    kind = torch.float16 if half else torch.float32
    stored = {key: value.to(kind) if value.is_floating_point() else value for key, value in state.items()}
    write_weights(path, stored, metadata)


def save_checkpoint(
    folder: Path,
    network: nn.Module,
    average: Mapping[str, Tensor],
    best: Mapping[str, Tensor],
    optimiser: torch.optim.Optimizer,
    progress: Progress,
) -> None:
    """Everything a run needs to go on."""
    content = {
        "network": network.state_dict(),
        "average": dict(average),
        "best": dict(best),
        "optimiser": optimiser.state_dict(),
        "progress": vars(progress),
    }
    write_atomically(folder / CHECKPOINT, lambda temporary: torch.save(content, temporary))


def load_checkpoint(folder: Path) -> dict[str, Any] | None:
    """What `save_checkpoint` wrote, or None when there is nothing to go on from."""
    path = folder / CHECKPOINT
    return torch.load(path, map_location="cpu", weights_only=True) if path.is_file() else None
