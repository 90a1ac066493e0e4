"""Save Denoiser: a denoiser's weights as a file in models/denoisers."""

from __future__ import annotations

from .. import host
from ..imaging.level import DenoiseError
from ..models.network_denoiser import NetworkDenoiser
from ..models.quantise import Stored, save_quantised
from ..models.saving import check_savable, file_tensors
from ..models.weight_file import halved, write_weights
from .common import answer
from .registry import node
from .widgets import choice, switch

KINDS = ("fp16", "fp32")


@node("Save Denoiser", "Denoisers", ("export weights", "save model", "safetensors"))
class SaveDenoiser:
    """Whole or not at all, never outside the folder."""

    DESCRIPTION = (
        "Saves a denoiser's weights, adapters included, as .safetensors in models/denoisers, where Load Denoiser finds "
        "them after a refresh (R). An existing file is only replaced when you say so."
    )
    RETURN_TYPES = ("STRING",)
    RETURN_NAMES = ("path",)
    OUTPUT_TOOLTIPS = ("Path of the file that was written.",)
    FUNCTION = "save"
    OUTPUT_NODE = True

    @classmethod
    def INPUT_TYPES(cls):  # noqa: N802
        """Inputs in the order of saved workflows: append only."""
        name = "Name of the file, without folder; letters, digits, blanks, '-', '_' and '.'."
        return {
            "required": {
                "denoiser": ("DENOISER", {"tooltip": "A network from Load Denoiser or Train Denoiser."}),
                "name": ("STRING", {"default": "my_denoiser", "tooltip": name}),
                "weights": choice(
                    KINDS,
                    "fp16 takes half the room and changes the result by far less than one grey level. Quantised "
                    "denoisers keep their own kind.",
                ),
                "overwrite": switch(False, "Replace a file of that name; otherwise the new one gets a number."),
            }
        }

    def save(self, denoiser, name, weights, overwrite):
        """The name is checked by the host; the file is written beside its place and then moved there."""
        if not isinstance(denoiser, NetworkDenoiser):
            raise DenoiseError("this denoiser has no weights to save; connect a network straight from its loader.")
        file = host.new_denoiser_file(name)
        if overwrite:
            file = file.with_name(name.strip().removesuffix(".safetensors") + ".safetensors")
        network, spec = denoiser.network, denoiser.spec
        check_savable(network, spec)
        stored = next((module.kind for module in network.modules() if isinstance(module, Stored)), None)
        words = {
            **spec.card,
            "architecture": spec.architecture,
            "prediction": spec.prediction,
            "conditioning": spec.conditioning,
        }
        if stored is not None:
            save_quantised(file, network, stored, words)
        else:
            tensors = file_tensors(network)
            write_weights(file, halved(tensors) if weights == "fp16" else tensors, words)
        return answer(f"{file.name}, {file.stat().st_size / 1e6:.2f} MB", str(file))
