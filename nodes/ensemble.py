"""Denoisers made of denoisers: eight views of one picture, or several opinions."""

from __future__ import annotations

from ..models.wrappers.ensemble import SelfEnsemble as EightViews
from ..models.wrappers.ensemble import WeightedEnsemble
from .registry import node

MEMBERS = ("first", "second", "third", "fourth")


@node("Self-Ensemble x8 (flips and turns)", "Denoisers", ("geometric ensemble", "test-time augmentation"))
class SelfEnsemble:
    """The mean over eight views."""

    DESCRIPTION = (
        "Denoises the eight flips and quarter turns of a picture and averages them: a little sharper and cleaner "
        "(typically +0.05 to +0.15 dB) for eight times the work."
    )
    RETURN_TYPES = ("DENOISER",)
    RETURN_NAMES = ("denoiser",)
    OUTPUT_TOOLTIPS = ("The averaging denoiser.",)
    FUNCTION = "make"

    @classmethod
    def INPUT_TYPES(cls) -> dict:  # noqa: N802
        """The inputs as ComfyUI reads them."""
        return {"required": {"denoiser": ("DENOISER", {"tooltip": "The denoiser that is run eight times."})}}

    def make(self, denoiser) -> tuple:
        """The wrapped denoiser."""
        return (EightViews(denoiser),)


@node("Ensemble of Denoisers (weighted mean)", "Denoisers", ("average", "mix", "blend denoisers"))
class Ensemble:
    """The weighted mean of up to four denoisers."""

    DESCRIPTION = "Runs up to four denoisers on the same picture and mixes their clean estimates by weight."
    RETURN_TYPES = ("DENOISER",)
    RETURN_NAMES = ("denoiser",)
    OUTPUT_TOOLTIPS = ("The mixed denoiser.",)
    FUNCTION = "make"

    @classmethod
    def INPUT_TYPES(cls) -> dict:  # noqa: N802
        """The inputs as ComfyUI reads them."""
        weight = {"default": 1.0, "min": 0.0, "max": 10.0, "step": 0.05}
        weights = {
            f"{name}_weight": ("FLOAT", {**weight, "tooltip": f"Share of the {name} denoiser; 0 leaves it out."})
            for name in MEMBERS
        }
        sockets = {name: ("DENOISER", {"tooltip": f"The {name} denoiser."}) for name in MEMBERS}
        return {
            "required": {name: sockets[name] for name in MEMBERS[:2]} | weights,
            "optional": {name: sockets[name] for name in MEMBERS[2:]},
        }

    def make(self, **inputs) -> tuple:
        """The ensemble of the connected denoisers."""
        present = [name for name in MEMBERS if inputs.get(name) is not None]
        return (
            WeightedEnsemble(
                tuple(inputs[name] for name in present), tuple(inputs[f"{name}_weight"] for name in present)
            ),
        )
