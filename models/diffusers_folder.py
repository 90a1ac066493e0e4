"""Folders saved by diffusers (UNet2DModel, DDPMPipeline, DDIMPipeline): which file holds what."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ..imaging.level import DenoiseError

CONFIG, SCHEDULER = "config.json", "scheduler_config.json"
STEM = "diffusion_pytorch_model"
WEIGHTS = tuple(f"{STEM}{kind}" for kind in (".safetensors", ".fp16.safetensors", ".bin", ".fp16.bin"))


def locate(path: Path) -> tuple[Path, dict[str, str]]:
    """What the user named → the weight file, and the configs found around it as JSON texts.

    `path` is a pipeline's folder, a model's folder, or a weight file; for a file that stands alone the answer is the
    file itself and no configs. The keys are 'config' (the network's) and 'scheduler' (absent when there is none).

    Raises:
        DenoiseError: a folder that holds no diffusion network, a config that is no JSON, or a chain without betas.
    """
    file = _weights(path) if path.is_dir() else path
    folder = file.parent
    if not file.name.startswith(STEM) or not (folder / CONFIG).is_file():
        return file, {}
    texts = {"config": json.dumps(_read(folder / CONFIG))}
    places = [folder / SCHEDULER, folder / "scheduler" / SCHEDULER]
    if folder.name == "unet":
        places.append(folder.parent / "scheduler" / SCHEDULER)
    scheduler = next((place for place in places if place.is_file()), None)
    if scheduler is not None:
        texts["scheduler"] = json.dumps(_chain(scheduler))
    return file, texts


def _weights(path: Path) -> Path:
    folder = next((place for place in (path / "unet", path) if (place / CONFIG).is_file()), None)
    if folder is None:
        raise DenoiseError(
            f"denoiser '{path}' is a folder without a {CONFIG}, so it was not saved by diffusers; name the weight file "
            "inside it."
        )
    file = next((folder / name for name in WEIGHTS if (folder / name).is_file()), None)
    if file is None:
        raise DenoiseError(f"folder '{folder}' has no {WEIGHTS[0]} or {WEIGHTS[2]}; download it again.")
    return file


def _chain(file: Path) -> dict[str, Any]:
    options = _read(file)
    if "beta_schedule" not in options:
        raise DenoiseError(
            f"'{file}' describes a {options.get('_class_name', 'scheduler')}, which has no betas; only chains like "
            "DDPM and DDIM can be entered at a noise level."
        )
    return options


def _read(file: Path) -> dict[str, Any]:
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise DenoiseError(f"'{file}' is no readable JSON ({error}); download it again.") from error
    if not isinstance(content, dict):
        raise DenoiseError(f"'{file}' holds a {type(content).__name__} instead of settings; download it again.")
    return content
