"""The only file that knows ComfyUI: progress, cancellation, memory, folders. Everything here also works without it.

Nothing of ComfyUI is imported unless it is already running in this process, so that a library that happens to be
called `comfy` or `folder_paths` is never taken for it.
"""

from __future__ import annotations

import logging
import os
import re
import sys
import tempfile
import time
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor, nn

from . import host_routes
from .imaging.files import to_pillow
from .imaging.level import DenoiseError
from .imaging.names import check_name
from .models.loader import SUFFIXES, bundled, find_file
from .models.lora import is_adapter_name
from .models.placement import Placement, PlainPlacement, resolve_device
from .monitor import Monitor

_log = logging.getLogger("realdenoise")
MODEL_FOLDER = "denoisers"
UPSCALE_FOLDER = "upscale_models"
MODELS_VARIABLE = "REALDENOISE_MODELS"
"""Environment variable: folders with weight files, separated like PATH; used outside ComfyUI."""
DEVICES = ("auto", "cpu")
PREVIEW_SIDE = 512
PREVIEW_SECONDS = 0.7
TICKS = 1000


def _comfy(name: str) -> Any:
    """A module of the ComfyUI that runs in this process, or None."""
    return sys.modules.get(name)


def is_hosted() -> bool:
    """Whether ComfyUI runs in this process."""
    return _comfy("comfy.model_management") is not None and _comfy("folder_paths") is not None


# --------------------------------------------------------------------------------------------- progress and cancelling


def monitor(node_id: str | None = None) -> Monitor:
    """A monitor wired to ComfyUI's progress bar, previews and cancel button; outside ComfyUI nobody watches it."""
    if not is_hosted():
        return Monitor()
    return Monitor(_Progress(node_id), _comfy("comfy.model_management").throw_exception_if_processing_interrupted)


class _Progress:
    """Feeds a ComfyUI progress bar: every thousandth, and a preview at most every PREVIEW_SECONDS."""

    def __init__(self, node_id: str | None) -> None:
        self._bar = _comfy("comfy.utils").ProgressBar(TICKS, node_id)
        self._tick = -1
        self._next_preview = 0.0

    def __call__(self, fraction: float, preview: Tensor | None) -> None:
        tick = round(fraction * TICKS)
        shown = None
        if preview is not None and time.monotonic() >= self._next_preview:
            shown = ("JPEG", preview_picture(preview), None)
            self._next_preview = time.monotonic() + PREVIEW_SECONDS
        if tick != self._tick or shown is not None:
            self._tick = tick
            self._bar.update_absolute(tick, TICKS, shown)


def preview_picture(planes: Tensor) -> Image.Image:
    """First frame of [B,C,H,W] in [0,1] as an 8-bit picture, no side longer than PREVIEW_SIDE pixels."""
    frame = planes[:1].detach().float()
    scale = PREVIEW_SIDE / max(frame.shape[-2:])
    if scale < 1:
        frame = F.interpolate(frame, size=[max(1, int(n * scale)) for n in frame.shape[-2:]], mode="area")
    return to_pillow(frame[0].permute(1, 2, 0))


# --------------------------------------------------------------------------------------------------- device and memory


def device_name() -> str:
    """The device that ComfyUI computes on; 'auto' outside of it."""
    return str(_comfy("comfy.model_management").get_torch_device()) if is_hosted() else "auto"


def place(network: nn.Module, device: str = "auto") -> Placement:
    """Where `network` runs: managed by ComfyUI on its own device, or plainly on 'cpu' or, outside ComfyUI, anywhere."""
    if is_hosted() and device == "auto":
        return _ComfyPlacement(network)
    return PlainPlacement(network, resolve_device(device))


class _ComfyPlacement:
    """Lets ComfyUI load the network when it is needed and evict it when another model needs the room."""

    def __init__(self, network: nn.Module) -> None:
        management = _comfy("comfy.model_management")
        self.device: torch.device = management.get_torch_device()
        self._patcher = _comfy("comfy.model_patcher").ModelPatcher(
            network.eval(), load_device=self.device, offload_device=management.unet_offload_device()
        )

    def ready(self, activation_bytes: int) -> nn.Module:
        """The network on its device, after ComfyUI has made room for it and its activations."""
        # Plain modules cannot run half on the CPU, so the whole network has to be loaded.
        _comfy("comfy.model_management").load_models_gpu(
            [self._patcher], memory_required=activation_bytes, force_full_load=True
        )
        return self._patcher.model

    def free_bytes(self) -> int:
        """Free memory, counting the models that ComfyUI would evict for us."""
        management = _comfy("comfy.model_management")
        free = management.get_free_memory(self.device)
        if self.device.type == "cpu":
            return int(free)
        others = [m for m in management.current_loaded_models if m.device == self.device and m.model is not None]
        return int(free + sum(m.model_loaded_memory() for m in others if m.model is not self._patcher))


# -------------------------------------------------------------------------------------------------------------- folders


_plain_folders: dict[str, Path] = {}


def set_folders(**folders: str | os.PathLike[str] | None) -> dict[str, Path | None]:
    """Outside ComfyUI: choose 'input', 'output' and 'temp' (None: ./input, ./output, a fresh temporary folder).

    Returns:
        The choice that was made before, for these.
    """
    before = {name: _plain_folders.get(name) for name in folders}
    chosen = {**_plain_folders, **folders}
    _plain_folders.clear()
    _plain_folders.update({name: Path(place) for name, place in chosen.items() if place is not None})
    return before


def folder(kind: str) -> Path:
    """The 'input', 'output' or 'temp' folder; created when it is missing."""
    if is_hosted():
        path = Path(_comfy("folder_paths").get_directory_by_type(kind))
    elif kind == "temp" and kind not in _plain_folders:
        path = _plain_folders["temp"] = Path(tempfile.mkdtemp(prefix="realdenoise-"))
    else:
        path = _plain_folders.get(kind, Path(kind))
    path.mkdir(parents=True, exist_ok=True)
    return path


def register_model_folder() -> None:
    """Make models/denoisers and tell ComfyUI about it; folders of extra_model_paths.yaml are kept."""
    paths = _comfy("folder_paths")
    if not is_hosted():
        return
    own = Path(paths.models_dir) / MODEL_FOLDER
    _make_visible(own)
    paths.add_model_folder_path(MODEL_FOLDER, str(own))
    folders, suffixes = paths.folder_names_and_paths[MODEL_FOLDER]
    paths.folder_names_and_paths[MODEL_FOLDER] = (folders, set(suffixes) | set(SUFFIXES))


def _make_visible(folder: Path) -> None:
    """Create a folder, so that users see where their files go; an installation that is read-only does without."""
    if folder.exists():
        return
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _log.info("realdenoise: weight files of your own go into %s", folder)
    except OSError as error:
        _log.debug("realdenoise: %s cannot be made (%s)", folder, error)


def register_routes() -> None:
    """Let ComfyUI's server answer what the nodes ask it from the browser."""
    server = _comfy("server")
    if is_hosted() and getattr(getattr(server, "PromptServer", None), "instance", None) is not None:
        host_routes.register(server, denoiser_file)


def denoiser_files() -> dict[str, Path]:
    """Every weight file a node may load, by the name it has in lists and workflows.

    Bundled ones by their bare name, files of models/denoisers by their path inside it (always with '/'), files of
    models/upscale_models behind 'upscale_models/'. Only what is listed can be loaded by a node.
    """
    files = {name: find_file(name) for name in bundled()}
    if is_hosted():
        listed = {**_hosted_files(UPSCALE_FOLDER, f"{UPSCALE_FOLDER}/"), **_hosted_files(MODEL_FOLDER, "")}
    else:
        roots = [Path(root) for root in os.environ.get(MODELS_VARIABLE, "").split(os.pathsep) if root]
        listed = {path.relative_to(root).as_posix(): path for root in reversed(roots) for path in root.rglob("*")}
    usable = {name: path for name, path in listed.items() if path.suffix.lower() in SUFFIXES and path.is_file()}
    return files | {name: usable[name] for name in sorted(usable) if name not in files}


def new_denoiser_file(name: str, adapter: bool = False) -> Path:
    """Where a node may save weights called `name`: a file that does not exist yet, numbered if it has to be.

    In models/denoisers; outside ComfyUI in the first folder of REALDENOISE_MODELS, else in 'output'.

    Raises:
        DenoiseError: the name of an adapter for whole weights, which lists would offer as an adapter;
            a name with anything but letters, digits, blanks, '-', '_' and '.', one that starts with '.', or
            one that some system cannot write.
    """
    stem = name.strip().removesuffix(".safetensors")
    if not re.fullmatch(r"[\w\-][\w\-. ]*", stem):
        raise DenoiseError(f"'{name}' cannot be a file name; use letters, digits, '-' and '_' only.")
    check_name(stem)
    if is_adapter_name(f"{stem}.safetensors") and not adapter:
        raise DenoiseError(f"'{name}' ends like the name of an adapter; leave out '_lora', as these are whole weights.")
    if is_hosted():
        root = Path(_comfy("folder_paths").get_folder_paths(MODEL_FOLDER)[0])
    else:
        roots = [root for root in os.environ.get(MODELS_VARIABLE, "").split(os.pathsep) if root]
        root = Path(roots[0]) if roots else folder("output")
    numbered = (root / f"{stem}{number}.safetensors" for number in ("", *(f"_{n}" for n in range(2, 10_000))))
    return next(file for file in numbered if not file.exists())


def _hosted_files(key: str, prefix: str) -> dict[str, Path]:
    paths = _comfy("folder_paths")
    names = paths.get_filename_list(key) if key in paths.folder_names_and_paths else []
    found = {prefix + name.replace(os.sep, "/"): paths.get_full_path(key, name) for name in names}
    return {name: Path(path) for name, path in found.items() if path}


def denoiser_file(name: str) -> Path:
    """The file behind a listed name. Raises DenoiseError for any other name, so no path can leave the folders."""
    files = denoiser_files()
    if name not in files:
        raise DenoiseError(
            f"denoiser '{name}' is not installed; put its weight file into models/{MODEL_FOLDER}, refresh (R), "
            f"or choose one of: {', '.join(files)}."
        )
    return files[name]


# ---------------------------------------------------------------------------------------------------- showing on a node


def show_images(image: Tensor) -> list[dict[str, str]]:
    """Save [B,H,W,C] in [0,1] as temporary PNGs → entries for `ui["images"]`; outside ComfyUI nothing is saved."""
    if not is_hosted():
        return []
    files = [_temporary(".png") for _ in image]
    for frame, file in zip(image, files, strict=True):
        to_pillow(frame).save(file, compress_level=1)
    return [temporary_entry(file) for file in files]


def show_animation(image: Tensor, rate: float) -> dict[str, Any]:
    """Save [B,H,W,C] in [0,1] as a temporary looping WebP of `rate` pictures per second → entries for `ui`."""
    if not is_hosted():
        return {}
    first, *rest = map(to_pillow, image)
    file = _temporary(".webp")
    first.save(file, save_all=True, append_images=rest, duration=round(1000 / rate), loop=0, quality=90)
    return {"images": [temporary_entry(file)], "animated": (True,)}


def _temporary(suffix: str) -> Path:
    return folder("temp") / f"realdenoise_{uuid.uuid4().hex}{suffix}"


def temporary_entry(file: Path) -> dict[str, str]:
    """How `ui` names a file that lies directly in the temporary folder."""
    return {"filename": file.name, "subfolder": "", "type": "temp"}


def send_text(text: str, node_id: str | None) -> None:
    """Show a passing line under a running node. Results belong into `ui["text"]`, which the cache keeps."""
    server = _comfy("server")
    if is_hosted() and server is not None and node_id is not None:
        server.PromptServer.instance.send_progress_text(text, str(node_id))


def shown(text: str | Sequence[str], **entries: Any) -> dict[str, Any]:
    """The `ui` part of a node's answer: lines of text, and for example images=show_images(...)."""
    return {"text": [text] if isinstance(text, str) else list(text), **entries}
