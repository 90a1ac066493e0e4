"""realdenoise: image denoising for ComfyUI and for Python."""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .api import add_noise, denoise, load_denoiser, psnr, ssim
    from .clips import denoise_video
    from .nodes import NODE_CLASS_MAPPINGS, NODE_DISPLAY_NAME_MAPPINGS

__all__ = [
    "NODE_CLASS_MAPPINGS",
    "NODE_DISPLAY_NAME_MAPPINGS",
    "WEB_DIRECTORY",
    "add_noise",
    "denoise",
    "denoise_video",
    "load_denoiser",
    "psnr",
    "ssim",
]

WEB_DIRECTORY = "./web"


def __getattr__(name: str) -> Any:
    """Everything else when it is first asked for, so that the command line can show its help without PyTorch."""
    # Without a package a test runner has imported this file loose, and there is nothing to hand out.
    if name not in __all__ or not __package__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        module = importlib.import_module(_room(name), __package__)
    except AttributeError as error:  # would read as "there are no nodes"
        raise ImportError(f"realdenoise cannot be imported: {error}") from error
    return getattr(module, name)


def _room(name: str) -> str:
    if name.startswith("NODE_"):
        return ".nodes"
    return ".clips" if name == "denoise_video" else ".api"
