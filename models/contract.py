"""The one contract: clean_estimate = denoiser(image, level), the D(x; sigma) of Karras et al. 2022 (EDM)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, Protocol, runtime_checkable

from torch import Tensor

from ..imaging.level import Level
from ..monitor import Monitor

Prediction = Literal["clean", "residual", "epsilon", "v_prediction", "score"]
Conditioning = Literal["none", "sigma", "sigma_map", "alpha", "timestep"]


@dataclass(frozen=True)
class Spec:
    """What is true of a denoiser, whatever its weights say; read by the loader, the tiler, the nodes and the card."""

    name: str
    architecture: str
    prediction: Prediction = "clean"
    conditioning: Conditioning = "none"
    channels: int = 3
    """Planes per picture: 1 = gray, 3 = RGB."""
    multiple: int = 1
    """Height and width the network works on are multiples of this; the network pads and crops by itself."""
    radius: int | None = None
    """Receptive radius in pixels; None = unbounded."""
    halo: int | None = None
    """Measured: smallest halo with |tiled − whole| < 1e-4; None = use the radius."""
    halo_half: int | None = None
    """Measured for half precision: smallest halo with |tiled − whole| < 1e-3; None = `halo`, but at most 64."""
    global_statistics: bool = False
    """True when an output pixel depends on the whole picture (global pooling, attention, GroupNorm)."""
    sigma_range: tuple[float, float] | None = None
    """Noise levels seen in training, [0,1] scale."""
    half: bool = True
    """Whether bf16 autocast is safe."""
    fp16: bool = True
    """Whether fp16 autocast, with its narrower range, is safe too."""
    activation_bytes: int = 2048
    """Peak bytes of float32 activations per input pixel, for sizing tiles."""
    map_bytes: int = 256
    """Bytes per input pixel of the largest single float32 feature map."""
    classes: int = 0
    """Number of class labels; 0 = unconditional only."""
    unconditional: bool = True
    """Whether it works without a label: through its null label, number `classes`, or because it knows no classes."""
    card: Mapping[str, str] = field(default_factory=dict)
    """The weight file's own words about itself (safetensors metadata)."""

    @property
    def needs_sigma(self) -> bool:
        """Whether the network must be told the noise level."""
        return self.conditioning in ("sigma", "sigma_map", "timestep") or self.prediction == "score"


@runtime_checkable
class Denoiser(Protocol):
    """Anything that turns a noisy image into an estimate of the clean one."""

    spec: Spec

    def __call__(self, image: Tensor, level: Level = ..., monitor: Monitor | None = None) -> Tensor:
        """Clean estimate of `image` [B,C,H,W] (C = 1 or 3, [0,1] scale, float32); same shape, never clamped."""
        ...
