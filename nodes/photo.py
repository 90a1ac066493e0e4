"""Load Photo and Save Photo: full depth, rounded instead of cut off, with colour profile and camera data."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from .. import host
from ..imaging.files import PictureError, PictureInfo, inside, next_number, save_picture
from ..imaging.layout import check_image
from ..imaging.names import to_save
from ..imaging.raw import DEVELOPMENTS, PHOTO_SUFFIXES, load_photo
from .common import always_changed, state_of
from .registry import node
from .widgets import choice

PHOTO = "PHOTO_INFO"
LIKE_THE_PHOTO = "like the photo"
MISSING = "photo '{}' does not exist in the input folder; copy it there, or choose another one."
FORMATS = {
    "PNG, 8 bit": (".png", 8),
    "PNG, 16 bit": (".png", 16),
    "TIFF, 8 bit": (".tif", 8),
    "TIFF, 16 bit": (".tif", 16),
    "JPEG": (".jpg", 8),
    "WebP": (".webp", 8),
    "EXR": (".exr", 32),
}


def _input_files() -> list[str]:
    if not host.is_hosted():
        return ["photo.png"]
    return sorted(path.name for path in host.folder("input").iterdir() if path.suffix.lower() in PHOTO_SUFFIXES)


@node("Load Photo", category="Photo", aliases=("load image 16 bit", "tiff", "exr", "raw photo", "open picture"))
class LoadPhoto:
    """A picture file at its full depth."""

    DESCRIPTION = (
        "Loads a PNG or TIFF of 8 or 16 bits, a JPEG, a WebP, an EXR or a camera raw file from the input folder, "
        "without reducing it to 8 bits. Give photo_info to Save Photo to keep depth, colour profile and camera data."
    )
    RETURN_TYPES = ("IMAGE", PHOTO)
    RETURN_NAMES = ("image", "photo_info")
    OUTPUT_TOOLTIPS = (
        "The picture, turned upright; with a fourth channel if it has transparency.",
        "What the file says beside its pixels; connect it to Save Photo.",
    )
    FUNCTION = "load"

    @classmethod
    def INPUT_TYPES(cls):  # noqa: N802
        """Inputs in the order of saved workflows: append only."""
        tooltip = "A file in ComfyUI's input folder; without ComfyUI in ./input, or with a full path."
        development = (
            "How a camera raw file (DNG, NEF, CR2, ARW …) is developed: sRGB, as denoisers expect it, or linear light. "
            "Needs 'pip install rawpy'; other files are not touched by it."
        )
        return {
            "required": {"photo": (_input_files(), {"image_upload": True, "tooltip": tooltip})},
            "optional": {"raw": choice(DEVELOPMENTS, development)},
        }

    @classmethod
    def VALIDATE_INPUTS(cls, photo):  # noqa: N802
        """A file that has come after the list was made is fine too; a name that comes through a link is None."""
        return True if photo is None or _path(photo).is_file() else MISSING.format(photo)

    @classmethod
    def IS_CHANGED(cls, photo, **settings):  # noqa: N802
        """Run again when the file is another. ComfyUI hands over every input and takes an error for a change."""
        return always_changed() if photo is None else state_of([_path(photo)])

    def load(self, photo, raw="sRGB"):
        """Gray pictures get three equal channels, which other nodes expect."""
        path = _path(photo)
        if not path.is_file():
            raise PictureError(MISSING.format(photo))
        image, info = load_photo(path, raw)
        return (image.expand(-1, -1, -1, 3) if image.shape[-1] == 1 else image), info


def _path(photo: str) -> Path:
    return Path(photo) if Path(photo).is_absolute() and not host.is_hosted() else inside(host.folder("input"), photo)


@node("Save Photo", category="Photo", aliases=("save image 16 bit", "save tiff", "save exr", "save jpeg"))
class SavePhoto:
    """Picture files with everything Load Photo has found."""

    DESCRIPTION = (
        "Saves pictures at 8 or 16 bits, rounded to the nearest level, or as EXR; with the colour profile and camera "
        "data of the photo that was loaded."
    )
    RETURN_TYPES = ("STRING",)
    RETURN_NAMES = ("files",)
    OUTPUT_TOOLTIPS = ("The files that were written, one per line.",)
    FUNCTION = "save"
    OUTPUT_NODE = True

    @classmethod
    def INPUT_TYPES(cls):  # noqa: N802
        """Inputs in the order of saved workflows: append only."""
        return {
            "required": {
                "image": ("IMAGE", {"tooltip": "The pictures to save; every frame becomes a file."}),
                "filename_prefix": (
                    "STRING",
                    {"default": "realdenoise/photo", "tooltip": "Folder and name below the output folder."},
                ),
                "format": (
                    [LIKE_THE_PHOTO, *FORMATS],
                    {"default": LIKE_THE_PHOTO, "tooltip": "Kind of file; without photo_info the first is 8-bit PNG."},
                ),
                "quality": (
                    "INT",
                    {"default": 95, "min": 1, "max": 100, "tooltip": "Of JPEG and WebP; 100 makes WebP lossless."},
                ),
            },
            "optional": {"photo_info": (PHOTO, {"tooltip": "From Load Photo: depth, colour profile, camera data."})},
        }

    def save(self, image, filename_prefix, format, quality, photo_info=None):
        """Files are numbered and never overwritten."""
        check_image(image)
        info = photo_info or PictureInfo()
        suffix = info.suffix
        if format != LIKE_THE_PHOTO:
            suffix, bits = FORMATS[format]
            info = replace(info, bits=bits)
        first = to_save(host.folder("output"), filename_prefix)
        first.parent.mkdir(parents=True, exist_ok=True)
        number = next_number(first)
        files = [first.parent / f"{first.name}_{number + index:05}_{suffix}" for index in range(len(image))]
        for path, frame in zip(files, image, strict=True):
            save_picture(frame, path, info, quality)
        names = "\n".join(map(str, files))
        shown = host.shown([path.name for path in files], images=host.show_images(image), files=[str(f) for f in files])
        return {"ui": shown, "result": (names,)}
