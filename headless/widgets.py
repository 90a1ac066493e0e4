"""Values of widgets, which ComfyUI's editor saves by position."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from .check import WRAPPED
from .graph import WorkflowError, declared_inputs

WIDGETS = ("INT", "FLOAT", "STRING", "BOOLEAN", "COMBO")
EMPTY = {"INT": 0, "FLOAT": 0.0, "STRING": "", "BOOLEAN": False}
SEEDS = ("seed", "noise_seed")
AFTER_GENERATE = ("fixed", "increment", "decrement", "randomize", "increment-wrap")
UPLOADS = ("image_upload", "animated_image_upload", "video_upload")


def widget_inputs(cls: Any) -> dict[str, tuple[str, dict[str, Any]]]:
    """Name → (type, options) of the inputs that have a widget, in the order in which their values are saved."""
    found = {}
    for name, (kind, options, _) in declared_inputs(cls).items():
        if isinstance(kind, list):
            kind, options = "COMBO", {"options": kind, **options}
        if kind in WIDGETS and not options.get("forceInput"):
            found[name] = (kind, options)
    return found


def default(kind: str, options: dict[str, Any]) -> Any:
    """What a new widget of this type shows."""
    if "default" in options:
        return options["default"]
    return next(iter(options.get("options", [])), None) if kind == "COMBO" else EMPTY[kind]


def read_widgets(cls: Any, saved: Sequence[Any], title: str) -> dict[str, Any]:
    """Saved positions → values by name; what an old file does not have yet gets its default.

    Raises:
        WorkflowError: the place behind a seed holds something else than what becomes of it after a run, so that all
            that follows would be wrong.
    """
    values, found, widgets = list(saved), {}, widget_inputs(cls)
    for name in _places(cls):
        value = values.pop(0) if values else None
        if name in widgets:
            value = default(*widgets[name]) if value is None else value
            found[name] = {WRAPPED: value} if isinstance(value, list) else value
        elif name == "control" and value is not None and value not in AFTER_GENERATE:
            raise WorkflowError(
                f"{title} was saved with {value!r} behind a seed, where 'fixed' or 'randomize' belongs; open the "
                "workflow in ComfyUI and save it again."
            )
    return found


def _places(cls: Any) -> Iterator[str]:
    """Names of the positions: widgets, and what the editor adds to them ('control', 'filter', 'upload')."""
    required = set(cls.INPUT_TYPES().get("required", {}))
    widgets = widget_inputs(cls)
    upload = any(name in required and any(map(options.get, UPLOADS)) for name, (_, options) in widgets.items())
    for name, (kind, options) in widgets.items():
        if upload and name not in required:  # the button comes behind the required widgets
            yield "upload"
            upload = False
        yield name
        if (kind == "INT" and name in SEEDS) or (kind in ("INT", "COMBO") and options.get("control_after_generate")):
            yield "control"
            if kind == "COMBO":
                yield "filter"
