"""Known Pixels: filling holes and super-resolution with any scheduler and any denoiser."""

from __future__ import annotations

from typing import Any

import torch

from ..schedulers.known import KnownLowResolution, KnownMask
from ..schedulers.known import KnownPixels as KnownPixelsScheduler
from .common import answer
from .masks import fitted
from .registry import node
from .states import to_planes
from .widgets import integer


@node("Known Pixels", "Schedulers", ("inpaint", "inpainting", "RePaint", "super-resolution", "fill holes", "mask"))
class KnownPixels:
    """A scheduler that keeps what is known."""

    DESCRIPTION = (
        "Wraps a scheduler so that known pixels stay as they are and the rest is made up to fit (RePaint, arXiv "
        "2201.09865). With a mask: fills its white part. Without: the picture is a small version of the wanted one."
    )
    RETURN_TYPES = ("DENOISE_SCHEDULER", "IMAGE")
    RETURN_NAMES = ("scheduler", "known")
    OUTPUT_TOOLTIPS = (
        "The wrapped scheduler, for Start Denoising.",
        "What is known, with the unknown part gray.",
    )
    FUNCTION = "wrap"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:  # noqa: N802
        """Inputs in the order of saved workflows: append only."""
        mask = (
            "MASK",
            {
                "tooltip": "White = unknown, to be filled, as ComfyUI's masks for inpainting are. Leave open for "
                "super-resolution: then every pixel is the average of a block of the wanted picture."
            },
        )
        return {
            "required": {
                "scheduler": ("DENOISE_SCHEDULER", {"tooltip": "Best DDPM or DDIM."}),
                "image": ("IMAGE", {"tooltip": "The known picture; its alpha is not used."}),
                "repeats": integer(
                    1,
                    1,
                    100,
                    "Each step is taken so many times, going back up in between, so that the made-up part agrees with "
                    "the known one. For DDPM and DDIM; takes so many times as long.",
                ),
            },
            "optional": {"mask": mask},
        }

    def wrap(
        self, scheduler: Any, image: torch.Tensor, repeats: int, mask: torch.Tensor | None = None
    ) -> dict[str, Any]:
        """What is known of the picture, for the scheduler and to look at."""
        planes = to_planes(image)
        if mask is None:
            wrapped = KnownPixelsScheduler(scheduler, KnownLowResolution(planes), repeats)
            words = f"{planes.shape[-1]}×{planes.shape[-2]} pixels known, each the average of a block"
            return answer(words, wrapped, image[..., :3])
        unknown = fitted(mask, image, "mask").clamp(0, 1)
        wrapped = KnownPixelsScheduler(scheduler, KnownMask(planes, 1 - unknown), repeats)
        shown = torch.lerp(image[..., :3].float(), torch.tensor(0.5), unknown.permute(0, 2, 3, 1))
        return answer(f"{100 * float(1 - unknown.mean()):.1f} % of the pixels known", wrapped, shown)
