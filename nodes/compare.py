"""Compare Images: before and after under one slider."""

from __future__ import annotations

import torch

from .. import host
from ..imaging.compare import signed_difference
from ..imaging.layout import check_image
from ..imaging.level import DenoiseError
from .registry import node

DIFFERENCE_GAIN = 4.0


@node("Compare Images", category="Measure", aliases=("before after", "slider", "image comparer", "side by side"))
class Compare:
    """A slider on the node, and both pictures side by side for files and headless runs."""

    DESCRIPTION = "Shows two pictures under a slider that follows the mouse, and hands them out side by side."
    RETURN_TYPES = ("IMAGE", "IMAGE")
    RETURN_NAMES = ("side_by_side", "difference")
    OUTPUT_TOOLTIPS = (
        "Both pictures in one, before on the left.",
        "After − before around middle gray, amplified four times.",
    )
    FUNCTION = "compare"
    OUTPUT_NODE = True

    @classmethod
    def INPUT_TYPES(cls):  # noqa: N802
        """Inputs in the order of saved workflows: append only."""
        return {
            "required": {
                "before": ("IMAGE", {"tooltip": "The left picture; one, or as many as there are after."}),
                "after": ("IMAGE", {"tooltip": "The right picture, of the same size."}),
            }
        }

    def compare(self, before, after):
        """A single picture before is shown with every picture after."""
        before, after = (check_image(t, name)[..., :3] for t, name in ((before, "before"), (after, "after")))
        if before.shape[1:3] != after.shape[1:3] or len(before) not in (1, len(after)):
            raise DenoiseError(
                f"before is {tuple(before.shape[:3])} and after {tuple(after.shape[:3])} (pictures, height, width); "
                "give both the same size, and one picture before or as many as after."
            )
        planes = max(before.shape[-1], after.shape[-1])
        before = before.to(after).expand(len(after), *after.shape[1:3], planes)
        after = after.expand(*after.shape[:3], planes)
        shown = {"before": host.show_images(before), "after": host.show_images(after)}
        difference = signed_difference(before, after, DIFFERENCE_GAIN)
        return {"ui": shown, "result": (torch.cat([before, after], dim=2), difference)}
