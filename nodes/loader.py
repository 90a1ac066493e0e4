"""Load Denoiser: the weight files that come with the pack, and the user's own."""

from __future__ import annotations

from .. import host
from ..models.card import full_card
from ..models.loader import load_denoiser
from ..models.lora import is_adapter_name
from ..models.network_denoiser import NetworkDenoiser
from ..models.precision import PRECISIONS
from ..models.short_card import short_card
from ..models.wrappers.luma import LumaOnly
from .common import always_changed, answer, state_of
from .registry import node

DEFAULT = "interpolation_unet"
NO_ADAPTER = "none"
GRAY_MODELS = ("per channel", "luma only")


def _adapter_inputs(adapters: list[str]) -> dict:
    return {
        "adapter": (
            adapters,
            {
                "default": NO_ADAPTER,
                "tooltip": "A small correction from Train Denoiser, made for this denoiser: files in models/denoisers "
                "whose names end in '_lora'.",
            },
        ),
        "adapter_strength": (
            "FLOAT",
            {
                "default": 1.0,
                "min": -2.0,
                "max": 2.0,
                "step": 0.05,
                "tooltip": "How much of the adapter is added: 1 as it was trained, 0 nothing.",
            },
        ),
    }


@node("Load Denoiser", category="Denoisers", aliases=("model", "checkpoint", "weights", "denoise model"))
class LoadDenoiser:
    """The start of every workflow: one socket for every network."""

    DESCRIPTION = (
        "Loads a denoiser: one that comes with the pack, or a .safetensors or .pth file of your own from "
        "models/denoisers or models/upscale_models. The architecture is recognised by itself."
    )
    RETURN_TYPES = ("DENOISER", "STRING")
    RETURN_NAMES = ("denoiser", "card")
    OUTPUT_TOOLTIPS = (
        "The denoiser, for Denoise Image, the samplers and the meters.",
        "What it is, how it was made and what it is bad at, as text.",
    )
    FUNCTION = "load"

    @classmethod
    def INPUT_TYPES(cls):  # noqa: N802
        """Inputs in the order of saved workflows: append only."""
        files = list(host.denoiser_files())
        names = [name for name in files if not is_adapter_name(name)]
        adapters = [NO_ADAPTER, *(name for name in files if is_adapter_name(name))]
        return {
            "required": {
                "denoiser": (
                    names,
                    {
                        "default": DEFAULT if DEFAULT in names else names[0],
                        "tooltip": "Bare names come with the pack; names with an ending are files in models/denoisers; "
                        "'upscale_models/…' are restoration models in models/upscale_models. Press R to refresh.",
                    },
                ),
                "precision": (
                    list(PRECISIONS),
                    {
                        "default": "auto",
                        "tooltip": "Arithmetic of the network. auto: half precision where it is safe and faster, else "
                        "fp32. bf16 changes the result by a few hundredths of a dB, at most 0.1. fp16 needs a GPU.",
                    },
                ),
                "device": (
                    list(host.DEVICES),
                    {"default": "auto", "tooltip": "auto: ComfyUI's own device, shared with the other models."},
                ),
                "tile": (
                    "INT",
                    {
                        "default": 0,
                        "min": 0,
                        "max": 8192,
                        "step": 64,
                        "tooltip": "Side of a tile in pixels; 0 = automatic, as large as memory and caches like it. "
                        "Tiles overlap by the network's reach, so no seam is visible.",
                    },
                ),
                "gray_model": (
                    list(GRAY_MODELS),
                    {
                        "default": GRAY_MODELS[0],
                        "tooltip": "What a denoiser made for gray pictures does with colour ones: denoise each channel "
                        "by itself, or the brightness alone, which leaves colour noise. No effect on colour denoisers.",
                    },
                ),
            },
            "optional": _adapter_inputs(adapters),
        }

    @classmethod
    def IS_CHANGED(cls, denoiser, adapter=NO_ADAPTER, **settings):  # noqa: N802
        """A file that was replaced is loaded again."""
        if None in (denoiser, adapter):
            return always_changed()
        listed = host.denoiser_files()
        return state_of(listed[name] for name in (denoiser, adapter) if name in listed)

    def load(
        self, denoiser, precision, device, tile, gray_model=GRAY_MODELS[0], adapter=NO_ADAPTER, adapter_strength=1.0
    ):
        """Only listed names are loaded, so that a workflow cannot reach outside the model folders."""
        file = host.denoiser_file(denoiser)
        loaded = load_denoiser(
            file,
            precision=precision,
            tile=tile,
            place=lambda network: host.place(network, device),
            adapter=None if adapter == NO_ADAPTER else host.denoiser_file(adapter),
            strength=adapter_strength,
        )
        slow = loaded.why_slow() if isinstance(loaded, NetworkDenoiser) else None
        warning = "" if slow is None else f"slow: {slow}\n"
        if gray_model == "luma only" and loaded.spec.channels == 1:
            loaded = LumaOnly(loaded)
        return answer(warning + short_card(file, loaded.spec), loaded, warning + full_card(loaded.spec, file))


host.register_model_folder()
host.register_routes()
