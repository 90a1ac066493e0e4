"""The DENOISE_TABLE socket, and the widgets of nodes that fill one."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from ..imaging.layout import check_image
from ..measurement.sweep import Picture
from .widgets import Widget, switch

SOCKETS = 8
"""Optional sockets for tables or denoisers on one node."""
TABLE_TOOLTIP = "The numbers, one row per picture and noise: for Sweep Chart."


def numbered(kind: str, name: str, tooltip: str, first: int = 1) -> dict[str, Widget]:
    """Sockets name_1, name_2, … up to SOCKETS."""
    return {f"{name}_{number}": (kind, {"tooltip": tooltip}) for number in range(first, SOCKETS + 1)}


def connected(name: str, sockets: dict[str, Any]) -> dict[str, Any]:
    """What is connected to name_1, name_2, … in order, by these names."""
    found = {key: sockets.get(key) for key in (f"{name}_{number}" for number in range(1, SOCKETS + 1))}
    return {key: value for key, value in found.items() if value is not None}


def to_pictures(clean: Tensor, noisy: Tensor | None = None) -> list[Picture]:
    """A batch as pictures 1, 2, …, with noisy partners where there are some."""
    clean = check_image(clean, "clean")
    partners: list[Tensor | None] = [None] * len(clean)
    if noisy is not None:
        noisy = check_image(noisy, "noisy")
        if len(noisy) != len(clean):
            raise ValueError(f"there are {len(noisy)} noisy pictures and {len(clean)} clean ones; give pairs.")
        partners = [frame[None] for frame in noisy]
    return [
        Picture(str(n), frame[None], partner) for n, (frame, partner) in enumerate(zip(clean, partners, strict=True), 1)
    ]


def tell_sigma_input() -> Widget:
    """Whether denoisers get the true noise level."""
    return switch(
        True,
        "Tell denoisers that ask for it the true level of Gaussian noise, as papers do. Off, and for other kinds: the "
        "level is measured in the noisy picture, as in real life.",
    )
