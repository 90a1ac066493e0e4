"""Every node of the pack. A file beside this one adds its nodes with @node; nothing else has to be touched."""

import importlib
import pkgutil

from .registry import NODE_CLASS_MAPPINGS, NODE_DISPLAY_NAME_MAPPINGS

_FIRST = ("loader", "denoise", "video", "loop_sample", "schedulers_diffusion", "schedulers")
"""For a link that is dropped on the canvas ComfyUI offers but the first four nodes that fit: the ones most wanted."""

for _name in (*_FIRST, *(module.name for module in pkgutil.iter_modules(__path__))):
    importlib.import_module(f"{__name__}.{_name}")

__all__ = ["NODE_CLASS_MAPPINGS", "NODE_DISPLAY_NAME_MAPPINGS"]
