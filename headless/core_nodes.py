"""The few nodes of ComfyUI itself that our workflows use, with the same pixels."""

from __future__ import annotations

import json
import re
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image, ImageFile, ImageOps, ImageSequence
from PIL.PngImagePlugin import PngInfo

from .. import host
from ..imaging.files import inside, next_number, writing
from ..imaging.names import to_save
from .graph import WorkflowError


def takes(required: dict[str, tuple], **groups: dict[str, Any]) -> Any:
    """The INPUT_TYPES of a node as ComfyUI has them, except that any name of a file in the input folder is taken."""
    return classmethod(lambda _: {"required": required, **groups})


def named(image: str) -> Path:
    """'name' or 'name [output]' in ComfyUI's folders, or any absolute path."""
    name, kind = image, "input"
    for folder in ("input", "output", "temp"):
        if image.endswith(f" [{folder}]"):
            name, kind = image.removesuffix(f" [{folder}]"), folder
    return Path(name) if Path(name).is_absolute() else inside(host.folder(kind), name)


def _upright(frame: Image.Image) -> Image.Image:
    """Turned as EXIF says; a file that is cut short is read as far as it goes, as in ComfyUI."""
    try:
        return ImageOps.exif_transpose(frame)
    except (OSError, ValueError):
        before, ImageFile.LOAD_TRUNCATED_IMAGES = ImageFile.LOAD_TRUNCATED_IMAGES, True
        try:
            return ImageOps.exif_transpose(frame)
        finally:
            ImageFile.LOAD_TRUNCATED_IMAGES = before


class LoadImage:
    """A picture file as IMAGE, and its inverted alpha as MASK (64×64 zeros without alpha)."""

    TITLE = "Load Image"
    RETURN_TYPES = ("IMAGE", "MASK")
    FUNCTION = "load"
    INPUT_TYPES = takes({"image": ("STRING", {})})

    def load(self, image: str) -> tuple:
        """All frames of the size of the first."""
        path = named(image)
        if not path.is_file():
            raise WorkflowError(f"picture '{image}' does not exist in the input folder; give a file with --input.")
        pictures = []
        with Image.open(path) as file:
            for frame in ImageSequence.Iterator(file):
                pictures.append(_pixels(_upright(frame)))
                if file.format == "MPO":
                    break
        pictures = [pair for pair in pictures if pair[0].shape == pictures[0][0].shape]
        return torch.stack([rgb for rgb, _ in pictures]), torch.stack([mask for _, mask in pictures])


def _pixels(frame: Image.Image) -> tuple[torch.Tensor, torch.Tensor]:
    if frame.mode == "I":
        frame = frame.point(lambda value: value * (1 / 255))
    rgb = torch.from_numpy(np.array(frame.convert("RGB")).astype(np.float32) / 255.0)
    if frame.mode == "P" and "transparency" in frame.info:
        frame = frame.convert("RGBA")
    if "A" not in frame.getbands():
        return rgb, torch.zeros(64, 64)
    return rgb, 1.0 - torch.from_numpy(np.array(frame.getchannel("A")).astype(np.float32) / 255.0)


class SaveImage:
    """PNG files in the output folder, numbered; values are truncated to 8 bits, as ComfyUI does."""

    TITLE = "Save Image"
    RETURN_TYPES = ()
    FUNCTION = "save"
    OUTPUT_NODE = True
    INPUT_TYPES = takes(
        {"images": ("IMAGE", {}), "filename_prefix": ("STRING", {"default": "ComfyUI"})},
        hidden={"prompt": "PROMPT", "extra_pnginfo": "EXTRA_PNGINFO"},
    )

    def save(self, images: torch.Tensor, filename_prefix: str, prompt: Any = None, extra_pnginfo: Any = None) -> dict:
        """One file per frame, with the workflow inside."""
        first = to_save(host.folder("output"), file_prefix(filename_prefix, images.shape[2], images.shape[1]))
        first.parent.mkdir(parents=True, exist_ok=True)
        names = [first.name.replace("%batch_num%", str(index)) for index in range(len(images))]
        number, files = max(next_number(first.with_name(name)) for name in names), []
        about = PngInfo()
        for key, value in {"prompt": prompt, **(extra_pnginfo or {})}.items():
            if value is not None:
                about.add_text(key, json.dumps(value))
        for index, (name, image) in enumerate(zip(names, images, strict=True)):
            pixels = np.clip(255.0 * image.cpu().numpy(), 0, 255).astype(np.uint8)
            pixels = pixels[..., 0] if pixels.shape[-1] == 1 else pixels
            path = first.parent / f"{name}_{number + index:05}_.png"
            with writing(path) as temporary:
                Image.fromarray(pixels).save(temporary, "PNG", pnginfo=about, compress_level=4)
            files.append(str(path))
        return {"ui": {"files": files}}


def file_prefix(text: str, width: int, height: int) -> str:
    """Fill in %width%, %height%, %year% … %second%, and %date:yyyy-MM-dd% of ComfyUI's editor."""
    now = datetime.now()
    parts = {"year": "%Y", "month": "%m", "day": "%d", "hour": "%H", "minute": "%M", "second": "%S"}
    words = {"width": str(width), "height": str(height)} | {name: now.strftime(f) for name, f in parts.items()}
    for name, word in words.items():
        text = text.replace(f"%{name}%", word)
    letters = {"yyyy": "%Y", "yy": "%y", "MM": "%m", "dd": "%d", "hh": "%H", "mm": "%M", "ss": "%S"}

    def date(found: re.Match[str]) -> str:
        return re.sub("|".join(letters), lambda match: now.strftime(letters[match[0]]), found[1])

    return re.sub(r"%date:([^%]*)%", date, text)


class PreviewImage:
    """Shown in ComfyUI, nothing to do without it."""

    TITLE = "Preview Image"
    RETURN_TYPES = ()
    FUNCTION = "show"
    OUTPUT_NODE = True
    INPUT_TYPES = takes({"images": ("IMAGE", {})})

    def show(self, images: torch.Tensor) -> dict:
        """Nothing is written."""
        return {"ui": {}}


class PreviewAny:
    """Any value as text."""

    TITLE = "Preview as Text"
    RETURN_TYPES = ()
    FUNCTION = "show"
    OUTPUT_NODE = True
    INPUT_TYPES = takes({"source": ("*", {})})

    def show(self, source: Any) -> dict:
        """Its text is printed."""
        if isinstance(source, (str, int, float, bool)) or source is None:
            return {"ui": {"text": [str(source)]}}
        try:
            return {"ui": {"text": [json.dumps(source, indent=4)]}}
        except (TypeError, ValueError):  # no JSON: a tensor, a denoiser
            return {"ui": {"text": [str(source)]}}


def _primitive(name: str, kind: str, default: Any) -> type:
    """A node that holds one value."""
    return type(
        name,
        (),
        {
            "__doc__": f"Holds one {kind}.",
            "RETURN_TYPES": (kind,),
            "FUNCTION": "execute",
            "INPUT_TYPES": takes({"value": (kind, {"default": default})}),
            "execute": lambda self, value: (value,),
        },
    )


CORE_NODES: dict[str, type] = {
    "LoadImage": LoadImage,
    "SaveImage": SaveImage,
    "PreviewImage": PreviewImage,
    "PreviewAny": PreviewAny,
    "PrimitiveInt": _primitive("PrimitiveInt", "INT", 0),
    "PrimitiveFloat": _primitive("PrimitiveFloat", "FLOAT", 0.0),
    "PrimitiveString": _primitive("PrimitiveString", "STRING", ""),
    "PrimitiveStringMultiline": _primitive("PrimitiveStringMultiline", "STRING", ""),
    "PrimitiveBoolean": _primitive("PrimitiveBoolean", "BOOLEAN", False),
}
