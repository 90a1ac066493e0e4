"""What reaches a node is looked at before the node works: one sentence for a wrong type or a number out of range.

ComfyUI checks what is typed into widgets, but not what comes through links, and Python callers are not checked at all.
"""

from __future__ import annotations

import functools
import inspect
import math
from collections.abc import Callable, Mapping
from numbers import Real
from typing import Any

from torch import Tensor

from ..imaging.files import PictureInfo
from ..imaging.layout import check_shape
from ..imaging.level import DenoiseError
from ..measurement.table import DenoiseTable
from ..models.contract import Denoiser
from ..schedulers.base import State

SOCKETS: dict[str, tuple[Callable[[Any], bool], str]] = {
    "DENOISER": (lambda value: isinstance(value, Denoiser), "a node like Load Denoiser"),
    "DENOISE_SCHEDULER": (lambda value: hasattr(value, "start") and hasattr(value, "view"), "a scheduler node"),
    "DENOISE_STATE": (lambda value: isinstance(value, State), "a node like Start Denoising"),
    "DENOISE_LOOP": (lambda value: isinstance(value, State), "Loop Open"),
    "DENOISE_TABLE": (lambda value: isinstance(value, DenoiseTable), "a node like Noise Level Sweep"),
    "PHOTO_INFO": (lambda value: isinstance(value, PictureInfo), "Load Photo"),
    "MASK": (lambda value: isinstance(value, Tensor) and value.ndim == 3 and value.numel() > 0, "a node with a mask"),
}
"""Socket type → how to know it, and where it comes from."""


FILES = ("denoiser", "adapter", "photo")
"""Choices among files: those that came after the list was made are fine, and the nodes say what to do about others."""


def check_arguments(declared: Mapping[str, Any], given: Mapping[str, Any]) -> None:
    """Compare arguments with what INPUT_TYPES declares; names it does not declare are left alone.

    Raises:
        TypeError: something else than the declared type. DenoiseError: a number that is not finite or out of range.
    """
    for part in ("required", "optional"):
        for name, entry in declared.get(part, {}).items():
            if name in given and not (part == "optional" and given[name] is None):
                _check(name, entry[0], entry[1] if len(entry) > 1 else {}, given[name])


def _check(name: str, kind: Any, options: Mapping[str, Any], value: Any) -> None:
    if kind in ("INT", "FLOAT"):
        _check_number(name, kind, options, value)
    elif kind == "BOOLEAN":
        if not isinstance(value, (bool, Real)):  # "false" would count as true
            raise TypeError(f"{name} must be true or false, got {type(value).__name__}.")
    elif kind == "IMAGE":
        check_shape(value, name)
    elif kind == "STRING" or not isinstance(kind, str) or kind == "COMBO":
        if not isinstance(value, str):
            raise TypeError(f"{name} must be a text, got {type(value).__name__}.")
        choices = kind if isinstance(kind, list) else options.get("options")
        if choices and name not in FILES and value not in choices:
            raise DenoiseError(f"{name} is '{value}'; choose one of {', '.join(map(str, choices))}.")
    elif kind in SOCKETS:
        known, origin = SOCKETS[kind]
        if not known(value):
            raise TypeError(f"{name} must come from {origin}, got {type(value).__name__}.")


def _check_number(name: str, kind: str, options: Mapping[str, Any], value: Any) -> None:
    if not isinstance(value, Real):
        raise TypeError(f"{name} must be a number, got {type(value).__name__}.")
    low, high = options.get("min", -math.inf), options.get("max", math.inf)
    whole = kind == "FLOAT" or (math.isfinite(value) and float(value).is_integer())
    if not (math.isfinite(value) and whole and low <= value <= high):
        noun = "number" if kind == "FLOAT" else "whole number"
        raise DenoiseError(f"{name} is {value}; give a {noun} from {low:.12g} to {high:.12g}.")


def checked(cls: type, function: Callable[..., Any]) -> Callable[..., Any]:
    """The node's function, preceded by a look at its arguments."""
    signature = inspect.signature(function)

    @functools.wraps(function)
    def run(*arguments: Any, **named: Any) -> Any:
        given = dict(signature.bind(*arguments, **named).arguments)
        for parameter in signature.parameters.values():
            if parameter.kind is parameter.VAR_KEYWORD:
                given |= given.pop(parameter.name, {})
        check_arguments(cls.INPUT_TYPES(), given)  # type: ignore[attr-defined]
        return function(*arguments, **named)

    return run
