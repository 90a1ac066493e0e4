"""How much of a denoised picture to take."""

from __future__ import annotations

from torch import Tensor

from ..imaging.control import blend_luma_chroma, recover_detail
from ..imaging.control import protect as protected
from ..imaging.layout import split
from .masks import fitted
from .registry import node


def _share(default: float, tooltip: str) -> tuple:
    return (
        "FLOAT",
        {"default": default, "min": 0.0, "max": 1.0, "step": 0.01, "display": "slider", "tooltip": tooltip},
    )


@node("Denoise Control (luma, chroma, detail, mask)", "Denoise", ("strength", "detail recovery", "protect"))
class DenoiseControl:
    """Blends a noisy picture and its denoised version."""

    DESCRIPTION = (
        "Fine control after any denoiser: brightness and colour noise apart, lost texture given back band by band, "
        "and a mask for parts that must stay as they are."
    )
    RETURN_TYPES = ("IMAGE",)
    RETURN_NAMES = ("image",)
    OUTPUT_TOOLTIPS = ("The blended picture; size, alpha and type of the noisy one.",)
    FUNCTION = "blend"

    @classmethod
    def INPUT_TYPES(cls) -> dict:  # noqa: N802
        """The inputs as ComfyUI reads them."""
        return {
            "required": {
                "noisy": ("IMAGE", {"tooltip": "The picture before denoising."}),
                "denoised": ("IMAGE", {"tooltip": "The same picture after any denoiser; same size and batch."}),
                "luma": _share(1.0, "How much of the brightness noise to remove; lower keeps grain."),
                "chroma": _share(1.0, "How much of the colour noise to remove; eyes forgive little of it."),
                "fine_detail": _share(0.0, "Share of what was removed at 1–2 pixels to give back: mostly grain."),
                "medium_detail": _share(0.0, "Share of what was removed at 2–4 pixels to give back: mostly texture."),
                "coarse_detail": _share(0.0, "Share of what was removed at 4–8 pixels to give back: soft structure."),
            },
            "optional": {
                "protect": ("MASK", {"tooltip": "Where the mask is white, the noisy picture stays untouched."})
            },
        }

    def blend(
        self,
        noisy: Tensor,
        denoised: Tensor,
        luma: float,
        chroma: float,
        fine_detail: float,
        medium_detail: float,
        coarse_detail: float,
        protect: Tensor | None = None,
    ) -> tuple:
        """The blend as an IMAGE, kept in [0,1] if the noisy picture is."""
        before, layout = split(noisy, "noisy")
        after, _ = split(denoised, "denoised")
        if before.shape != after.shape:
            raise ValueError(
                f"noisy is {tuple(noisy.shape)} and denoised is {tuple(denoised.shape)}; connect the two versions of "
                "one picture."
            )
        detailed = recover_detail(before, after, (fine_detail, medium_detail, coarse_detail))
        result = blend_luma_chroma(before, detailed, luma, chroma)
        if protect is not None:
            result = protected(before, result, fitted(protect, noisy, "protect"))
        return (layout.restore_like(result, noisy),)
