"""How to call any node of the pack with its defaults: shared by the tests that go through all of them."""

from __future__ import annotations

import torch
from realdenoise.imaging.level import Level
from realdenoise.models.contract import Spec
from realdenoise.nodes import NODE_CLASS_MAPPINGS

WIDGETS = ("INT", "FLOAT", "STRING", "BOOLEAN", "COMBO")


class Darker:
    """A denoiser that takes no time."""

    spec = Spec("darker", "Test", conditioning="sigma")

    def __call__(self, image, level=Level(), monitor=None):
        return image * 0.9


def inputs(node_id: str, parts: tuple[str, ...] = ("required", "optional")) -> dict[str, tuple]:
    """name → (type or list of choices, options), in the order of saved workflows."""
    declared = NODE_CLASS_MAPPINGS[node_id].INPUT_TYPES()
    entries = {name: entry for part in parts for name, entry in declared.get(part, {}).items()}
    return {name: (entry[0], entry[1] if len(entry) > 1 else {}) for name, entry in entries.items()}


def kind(entry: tuple) -> str:
    """The socket or widget type; lists of choices are COMBO."""
    return entry[0] if isinstance(entry[0], str) else "COMBO"


def is_widget(entry: tuple) -> bool:
    """Whether the input is set on the node and saved in `widgets_values`."""
    return kind(entry) in WIDGETS and not entry[1].get("forceInput")


def choices(entry: tuple) -> list:
    """The words of a COMBO."""
    return list(entry[1].get("options", [])) if isinstance(entry[0], str) else list(entry[0])


def default(entry: tuple) -> object:
    """What the front-end would put into the widget."""
    fallback = {"INT": 0, "FLOAT": 0.0, "STRING": "", "BOOLEAN": False}
    first = choices(entry)[0] if kind(entry) == "COMBO" else fallback[kind(entry)]
    return entry[1].get("default", first)


def takes_only_images(node_id: str) -> bool:
    """Whether pictures, masks and a denoiser are all that must be connected, and a picture comes out."""
    sockets = {kind(entry) for entry in inputs(node_id, ("required",)).values() if not is_widget(entry)}
    return "IMAGE" in sockets <= {"IMAGE", "MASK", "DENOISER"} and "IMAGE" in NODE_CLASS_MAPPINGS[node_id].RETURN_TYPES


def call(node_id: str, image: torch.Tensor, **changes: object) -> tuple:
    """Run a node on `image`, every other setting at its default; its outputs."""
    cls = NODE_CLASS_MAPPINGS[node_id]
    given: dict[str, object] = {}
    for name, entry in inputs(node_id, ("required",)).items():
        if is_widget(entry):
            given[name] = default(entry)
        else:
            given[name] = _connected(kind(entry), image)
    answer = getattr(cls(), cls.FUNCTION)(**(given | changes))
    return answer["result"] if isinstance(answer, dict) else answer


def _connected(socket: str, image: torch.Tensor) -> object:
    if socket == "MASK":
        return torch.ones(image.shape[:3] if isinstance(image, torch.Tensor) else (1, 1, 1))
    return image if socket == "IMAGE" else Darker()
