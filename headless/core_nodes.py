"""The few nodes of ComfyUI itself that our workflows use, with the same pixels."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image, ImageOps, ImageSequence
from PIL.PngImagePlugin import PngInfo

from .. import host
from .graph import WorkflowError


def _inside(root: Path, name: str) -> Path:
    """A file below a folder. Raises WorkflowError for a name that leads out of it."""
    path = (root / name).resolve()
    if not path.is_relative_to(root.resolve()):
        raise WorkflowError(f"'{name}' leads out of the folder {root.name}; use a name inside it.")
    return path


class LoadImage:
    """A picture file as IMAGE, and its inverted alpha as MASK (64×64 zeros without alpha)."""

    TITLE = "Load Image"
    RETURN_TYPES = ("IMAGE", "MASK")
    FUNCTION = "load"

    @classmethod
    def INPUT_TYPES(cls) -> dict:  # noqa: N802
        """As in ComfyUI, but any name below the input folder is taken."""
        return {"required": {"image": ("STRING", {})}}

    def load(self, image: str) -> tuple:
        """All frames of the size of the first."""
        path = Path(image) if Path(image).is_absolute() else _inside(host.folder("input"), image)
        if not path.is_file():
            raise WorkflowError(f"picture '{image}' does not exist in the input folder; give a file with --input.")
        with Image.open(path) as file:
            frames = [ImageOps.exif_transpose(frame) for frame in ImageSequence.Iterator(file)]
            frames = frames[:1] if file.format == "MPO" else frames
        frames = [frame for frame in frames if frame.size == frames[0].size]
        pictures = [_pixels(frame) for frame in frames]
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

    @classmethod
    def INPUT_TYPES(cls) -> dict:  # noqa: N802
        """As in ComfyUI."""
        return {
            "required": {"images": ("IMAGE", {}), "filename_prefix": ("STRING", {"default": "ComfyUI"})},
            "hidden": {"prompt": "PROMPT", "extra_pnginfo": "EXTRA_PNGINFO"},
        }

    def save(self, images: torch.Tensor, filename_prefix: str, prompt: Any = None, extra_pnginfo: Any = None) -> dict:
        """One file per frame, with the workflow inside."""
        first = _inside(host.folder("output"), filename_prefix)
        first.parent.mkdir(parents=True, exist_ok=True)
        number, files = _next_number(first), []
        about = PngInfo()
        for key, value in {"prompt": prompt, **(extra_pnginfo or {})}.items():
            if value is not None:
                about.add_text(key, json.dumps(value))
        for index, image in enumerate(images):
            pixels = np.clip(255.0 * image.float().cpu().numpy(), 0, 255).astype(np.uint8)
            pixels = pixels[..., 0] if pixels.shape[-1] == 1 else pixels
            path = first.parent / f"{first.name}_{number + index:05}_.png"
            temporary = path.with_suffix(".tmp")
            Image.fromarray(pixels).save(temporary, "PNG", pnginfo=about, compress_level=4)
            temporary.replace(path)
            files.append(str(path))
        return {"ui": {"files": files}}


def _next_number(first: Path) -> int:
    start = f"{first.name}_"
    taken = [p.stem[len(start) :].split("_")[0] for p in first.parent.glob("*.png") if p.name.startswith(start)]
    return max((int(number) for number in taken if number.isdigit()), default=0) + 1


class PreviewImage:
    """Shown in ComfyUI, nothing to do without it."""

    TITLE = "Preview Image"
    RETURN_TYPES = ()
    FUNCTION = "show"
    OUTPUT_NODE = True

    @classmethod
    def INPUT_TYPES(cls) -> dict:  # noqa: N802
        """As in ComfyUI."""
        return {"required": {"images": ("IMAGE", {})}}

    def show(self, images: torch.Tensor) -> dict:
        """Nothing is written."""
        return {"ui": {}}


class PreviewAny:
    """Any value as text."""

    TITLE = "Preview as Text"
    RETURN_TYPES = ()
    FUNCTION = "show"
    OUTPUT_NODE = True

    @classmethod
    def INPUT_TYPES(cls) -> dict:  # noqa: N802
        """As in ComfyUI."""
        return {"required": {"source": ("*", {})}}

    def show(self, source: Any) -> dict:
        """Its text is printed."""
        return {"ui": {"text": [source if isinstance(source, str) else str(source)]}}


def _primitive(name: str, kind: str, default: Any) -> type:
    """A node that holds one value."""

    def input_types(cls: type) -> dict:
        return {"required": {"value": (kind, {"default": default})}}

    return type(
        name,
        (),
        {
            "__doc__": f"Holds one {kind}.",
            "RETURN_TYPES": (kind,),
            "FUNCTION": "execute",
            "INPUT_TYPES": classmethod(input_types),
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
