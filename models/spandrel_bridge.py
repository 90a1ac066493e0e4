"""Networks of other people through spandrel, which recognises about forty architectures, behind our own contract."""

from __future__ import annotations

import importlib
import importlib.util
import math
from collections.abc import Callable, Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..imaging.level import DenoiseError
from .activation_memory import activation_memory
from .contract import Spec
from .registry import Weights

ACTIVATION_BYTES, MAP_BYTES = 16384, 256
"""Peak bytes per input pixel where they cannot be counted, taken high: a window transformer of 180 features holds about
forty copies of them. And of one feature map."""
WORKSPACE = 1.5
"""Memory in all, as a multiple of the activations: kernels rearrange what they read."""
HALO = 64
"""Pixels around a tile; nothing tells the reach of these networks."""


class ForeignNetwork(nn.Module):
    """A network of spandrel's without the clamp and the frozen noise level of spandrel's own call.

    Args:
        model: the raw network.
        call: (model, image) → image, what the architecture wants done around its forward pass.
        minimum, multiple, square: what sizes it takes; pictures are padded and cropped to fit.
    """

    def __init__(
        self, model: nn.Module, call: Callable[[nn.Module, Tensor], Tensor], minimum: int, multiple: int, square: bool
    ) -> None:
        super().__init__()
        self.model, self.call = model, call
        self.minimum, self.multiple, self.square = minimum, multiple, square

    def forward(self, x: Tensor, sigma: Tensor | None = None) -> Tensor:
        """x [B,C,H,W] on the [0,1] scale → clean estimate; sigma [B,1,1,1] or [B,1,H,W] for a network that takes it."""
        height, width = x.shape[-2:]
        if sigma is not None:
            x = torch.cat([x, sigma.to(x.dtype).expand(-1, -1, height, width)], dim=1)
        padded = pad_to_size(x, *self.wanted(height, width))
        clean = self.call(self.model, padded) if sigma is None else self.model(padded)
        return clean[..., :height, :width]

    def wanted(self, height: int, width: int) -> tuple[int, int]:
        """The size the network is given for a picture of height × width."""
        up = [-(-max(side, self.minimum) // self.multiple) * self.multiple for side in (height, width)]
        return (max(up), max(up)) if self.square else (up[0], up[1])


def file_names(network: nn.Module, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """A network's state under the names of its files: those that spandrel knows, without that of our wrapper."""
    wrapper = "model." if isinstance(network, ForeignNetwork) else ""
    return {key.removeprefix(wrapper): value for key, value in state.items()}


def pad_to_size(x: Tensor, height: int, width: int) -> Tensor:
    """[B,C,h,w] → [B,C,height,width]: reflected to the right and below as far as that goes, then replicated."""
    down, right = height - x.shape[-2], width - x.shape[-1]
    if not (down or right):
        return x
    mirrored = F.pad(x, (0, min(right, x.shape[-1] - 1), 0, min(down, x.shape[-2] - 1)), mode="reflect")
    return F.pad(mirrored, (0, width - mirrored.shape[-1], 0, height - mirrored.shape[-2]), mode="replicate")


def load_foreign(weights: Weights, name: str) -> tuple[nn.Module, Spec]:
    """Weights of none of our architectures → network and spec, if spandrel knows them.

    Raises:
        DenoiseError: spandrel is missing or does not know them, or the network is no denoiser of gray or RGB pictures.
    """
    found = _describe(weights, name)
    size, architecture = found.size_requirements, found.architecture.name
    _check(found, architecture, name)
    # spandrel fixes the noise level of these two at 15/255, for one picture at a time.
    told = architecture == "DRUNet" or "FDnCNN" in found.tags
    network = ForeignNetwork(found.model, found._call_fn, size.minimum, size.multiple_of, size.square)
    counted = activation_memory(network, found.input_channels, *([1] if told else []))
    peak, largest = counted or (ACTIVATION_BYTES, MAP_BYTES)
    spec = Spec(
        name=name,
        architecture=architecture,
        conditioning="sigma_map" if told else "none",
        channels=found.input_channels,
        multiple=size.multiple_of,
        halo=HALO,
        global_statistics=found.tiling.name != "SUPPORTED" or _pools(network),
        half=found.supports_bfloat16,
        fp16=found.supports_half,
        activation_bytes=math.ceil(WORKSPACE * peak) if counted else peak,
        map_bytes=largest,
        card=dict(weights.metadata),
    )
    return network.eval(), spec


def _pools(network: nn.Module) -> bool:
    """Whether it averages over the whole picture, as NAFNet does, for which spandrel recommends tiles nevertheless."""
    return any(isinstance(module, (nn.AdaptiveAvgPool2d, nn.AdaptiveMaxPool2d)) for module in network.modules())


def _check(found: Any, architecture: str, name: str) -> None:
    problem = None
    if found.purpose == "Inpainting":
        problem = "fills holes and needs a mask; it is no denoiser"
    elif found.scale != 1:
        problem = f"enlarges pictures {found.scale} times; use ComfyUI's Upscale Image (using Model) for it"
    elif found.input_channels != found.output_channels or found.input_channels not in (1, 3):
        problem = (
            f"turns {found.input_channels} planes into {found.output_channels}; a denoiser turns gray into gray or RGB "
            "into RGB"
        )
    if problem:
        raise DenoiseError(f"'{name}' ({architecture}) {problem}.")


def _describe(weights: Weights, name: str) -> Any:
    """spandrel's own description of the network; `spandrel_extra_arches` is asked too where it is installed."""
    try:
        from spandrel import MAIN_REGISTRY, UnsupportedModelError
    except ImportError as error:
        raise DenoiseError(
            f"'{name}' is of no architecture that this pack knows by itself; install spandrel (pip install spandrel), "
            "which knows many more."
        ) from error
    registry = MAIN_REGISTRY.copy()
    if importlib.util.find_spec("spandrel_extra_arches"):
        extra = importlib.import_module("spandrel_extra_arches")
        registry.add(*extra.EXTRA_REGISTRY, ignore_duplicates=True)
    try:
        return registry.load(dict(weights.state))
    except UnsupportedModelError as error:
        raise DenoiseError(
            f"'{name}' is of no known architecture; choose a denoiser that this pack or spandrel knows."
        ) from error
    except (RuntimeError, LookupError, ArithmeticError, ValueError, TypeError, AssertionError) as error:
        reason = str(error).strip().split("\n")[0].rstrip(":.") or type(error).__name__
        raise DenoiseError(
            f"'{name}' resembles an architecture of spandrel's, but cannot be built ({reason}); download it again."
        ) from error
