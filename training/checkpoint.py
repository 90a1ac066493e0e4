"""Saving a run so that it can go on, and its network so that it can be used; never half a file."""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ..imaging.files import writing
from ..models.weight_file import check_pickles_are_safe, halved, write_weights
from .recipe_parts import RecipeError

CHECKPOINT = "checkpoint.pt"
PARTS = {"network", "average", "best", "optimiser", "progress"}
OTHER_RUN = "resume it with the recipe it was made with, or choose another --out"


@dataclass
class Progress:
    """Where a run is.

    best, start: validation PSNR of the best weights and of those it started from, NaN where these were not measured.
    rows: the log so far, (step, seconds, loss, psnr) each. validated_on: `fingerprint` of the probes; PSNR values on
    others cannot be compared with `best`.
    """

    step: int = 0
    seconds: float = 0.0
    best: float = float("-inf")
    start: float = float("nan")
    rows: list[tuple[int, float, float, float]] = field(default_factory=list)
    validated_on: str = ""


def save_network(state: Mapping[str, Tensor], path: Path, metadata: Mapping[str, str]) -> None:
    """A network's tensors as safetensors in fp16, with words about itself."""
    write_weights(path, halved(state), metadata)


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
    with writing(folder / CHECKPOINT) as temporary:
        torch.save(content, temporary)


def load_checkpoint(folder: Path) -> dict[str, Any] | None:
    """What `save_checkpoint` wrote, or None when there is nothing to go on from.

    Raises:
        RecipeError: another file, or a damaged one. DenoiseError: a torch that cannot read pickles safely.
    """
    path = folder / CHECKPOINT
    if not path.is_file():
        return None
    check_pickles_are_safe(path)
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except (RuntimeError, EOFError, pickle.UnpicklingError, LookupError, ValueError, AttributeError) as error:
        raise RecipeError(f"'{path}' is damaged or no checkpoint; leave out --resume and remove it.") from error
    if not isinstance(content, dict) or content.keys() != PARTS:
        raise RecipeError(f"'{path}' is no checkpoint of a training run; leave out --resume and remove it.")
    return content


def check_fits(saved: Mapping[str, Any], network: nn.Module, optimiser: torch.optim.Optimizer) -> Progress:
    """The progress of a checkpoint that belongs to this network and optimiser. Raises RecipeError otherwise."""
    wanted = _shapes(network.state_dict())
    fits = _shapes(saved["network"]) == _shapes(saved["average"]) == wanted
    fits = fits and _shapes(saved["best"]) in (wanted, {})
    groups = [len(group["params"]) for group in optimiser.state_dict()["param_groups"]]
    try:
        fits = fits and groups == [len(group["params"]) for group in saved["optimiser"]["param_groups"]]
        fits = fits and saved["progress"].keys() == vars(Progress()).keys()
        progress = Progress(**saved["progress"])
        numbers = (
            progress.step,
            progress.seconds,
            progress.best,
            progress.start,
            *(value for row in progress.rows for value in row),
        )
        fits = fits and all(isinstance(value, (int, float)) for value in numbers)
        progress.rows = [(row[0], row[1], row[2], row[3]) for row in progress.rows]
    except (TypeError, LookupError, AttributeError) as error:
        raise RecipeError(f"the checkpoint cannot be gone on with ({error}); {OTHER_RUN}.") from error
    if not fits:
        raise RecipeError(f"the checkpoint is of another network than the recipe's; {OTHER_RUN}.")
    return progress


def _shapes(state: Any) -> dict[str, torch.Size] | None:
    """Names and shapes; None for what is no state."""
    if not isinstance(state, Mapping) or not all(isinstance(value, Tensor) for value in state.values()):
        return None
    return {key: value.shape for key, value in state.items()}
