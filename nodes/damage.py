"""Damage Mask: something to fill in, for trying Known Pixels."""

from __future__ import annotations

from typing import Any

import torch

from ..imaging.damage import DAMAGES, LARGEST_SHARE, damage_mask
from ..imaging.layout import check_image
from .common import answer, seed_input
from .registry import node
from .widgets import choice, real


@node("Damage Mask", "Noise", ("scratches", "holes", "missing pixels", "inpaint", "inpainting mask"))
class DamageMask:
    """Seeded scratches, spots or dead pixels."""

    DESCRIPTION = (
        "Scratches, spots or dead pixels as a mask, and the picture with the damage in it: to try Known Pixels."
    )
    RETURN_TYPES = ("MASK", "IMAGE")
    RETURN_NAMES = ("mask", "image")
    OUTPUT_TOOLTIPS = ("White where the picture is damaged.", "The picture with the damage in black.")
    FUNCTION = "draw"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:  # noqa: N802
        """Inputs in the order of saved workflows: append only."""
        return {
            "required": {
                "image": ("IMAGE", {"tooltip": "The picture to damage."}),
                "kind": choice(DAMAGES, "Lines across the picture, discs, or single pixels."),
                "percent": real(8.0, 0.0, 100 * LARGEST_SHARE, 0.5, "How much of the picture is damaged."),
                "seed": seed_input(),
            }
        }

    def draw(self, image: torch.Tensor, kind: str, percent: float, seed: int) -> dict[str, Any]:
        """One mask per frame."""
        frames, height, width = check_image(image).shape[:3]
        masks = [damage_mask(height, width, kind, percent / 100, seed, frame) for frame in range(frames)]
        mask = torch.stack(masks)
        damaged = torch.where(mask[..., None].to(image.device) > 0, torch.zeros_like(image), image)
        if image.shape[-1] == 4:
            damaged[..., 3] = image[..., 3]
        return answer(f"{100 * float(mask.mean()):.1f} % {kind}", mask, damaged)
