"""Condition Denoiser and Guided Prediction: asking for a class, and for more of it."""

from __future__ import annotations

from typing import Any

import torch

from ..imaging.layout import check_image
from ..imaging.level import DenoiseError
from ..models.contract import Spec
from ..models.guidance import ConditionedDenoiser, class_names, guide, parse_label
from .common import answer
from .registry import node
from .widgets import Widget, real

_LABEL = "Class number, or its name if the denoiser has names. Empty = "


def _scale_input(default: float) -> Widget:
    return real(
        default,
        0.0,
        50.0,
        0.1,
        "guided = negative + scale·(positive − negative): 1 = no guidance, above 1 exaggerates what the class adds.",
    )


def _class_words(spec: Spec, label: int | None) -> str:
    if label is None:
        return "no class in particular"
    names = class_names(spec)
    return f"class {label}" + (f" ({names[label]})" if names else "")


@node("Condition Denoiser", "Guidance", ("class label", "prompt", "classifier-free guidance", "negative prompt"))
class ConditionDenoiser:
    """A conditional network with its class chosen."""

    DESCRIPTION = (
        "Fixes the class that a conditional denoiser makes pictures of, for every node with a denoiser input. With a "
        "guidance other than 1 it is asked twice, for the label and the negative label (arXiv 2207.12598)."
    )
    RETURN_TYPES = ("DENOISER",)
    RETURN_NAMES = ("denoiser",)
    OUTPUT_TOOLTIPS = ("The denoiser with its class chosen.",)
    FUNCTION = "condition"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:  # noqa: N802
        """Inputs in the order of saved workflows: append only."""
        return {
            "required": {
                "denoiser": ("DENOISER", {"tooltip": "A conditional one, such as prior_unet2d."}),
                "label": ("STRING", {"default": "", "tooltip": _LABEL + "any picture."}),
                "negative_label": ("STRING", {"default": "", "tooltip": _LABEL + "away from no class in particular."}),
                "guidance": _scale_input(1.0),
            }
        }

    def condition(self, denoiser: Any, label: str, negative_label: str, guidance: float) -> dict[str, Any]:
        """The wrapped denoiser."""
        positive, negative = (parse_label(text, denoiser.spec) for text in (label, negative_label))
        words = _class_words(denoiser.spec, positive)
        if guidance != 1:
            words += f" · guidance {guidance:g} away from {_class_words(denoiser.spec, negative)}"
        return answer(words, ConditionedDenoiser(denoiser, positive, negative, guidance))


@node("Guided Prediction", "Guidance", ("classifier-free guidance", "CFG", "guidance scale"))
class GuidedPrediction:
    """The formula of guidance, opened up."""

    DESCRIPTION = (
        "Classifier-free guidance (arXiv 2207.12598) on two predictions of the same state: guided = negative + "
        "scale·(positive − negative). The same as Condition Denoiser does inside."
    )
    RETURN_TYPES = ("IMAGE",)
    RETURN_NAMES = ("clean",)
    OUTPUT_TOOLTIPS = ("The guided clean estimate, for Scheduler Step.",)
    FUNCTION = "guide"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:  # noqa: N802
        """Inputs in the order of saved workflows: append only."""
        return {
            "required": {
                "positive": ("IMAGE", {"tooltip": "Clean estimate with the wanted class."}),
                "negative": ("IMAGE", {"tooltip": "Clean estimate without a class, or with the unwanted one."}),
                "scale": _scale_input(2.0),
            }
        }

    def guide(self, positive: torch.Tensor, negative: torch.Tensor, scale: float) -> tuple[torch.Tensor]:
        """One line of arithmetic.

        Raises:
            DenoiseError: the two are not of one size. ValueError, TypeError: unusable pictures.
        """
        check_image(positive, "positive")
        check_image(negative, "negative")
        if positive.shape != negative.shape:
            raise DenoiseError(
                f"positive is {tuple(positive.shape)} and negative {tuple(negative.shape)}; predict both from one "
                "state."
            )
        return (guide(positive, negative, scale),)
