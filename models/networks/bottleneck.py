"""The two halves of the autoencoders: a picture to a small code at a quarter of the resolution, and back."""

from __future__ import annotations

from dataclasses import dataclass

from torch import nn

from ..contract import Spec
from ..registry import StateDict, Weights, count_blocks
from .residual import ResidualBlock

FACTOR = 4
"""The code has a quarter of the picture's height and width."""


@dataclass(frozen=True)
class BottleneckShape:
    """channels: planes of the picture. width: features at half resolution, twice as many at a quarter.

    code: numbers per 4×4 pixels. blocks: residual blocks at the code's resolution, in each half.
    """

    channels: int = 3
    width: int = 48
    code: int = 32
    blocks: int = 3

    def encoder(self, outputs: int) -> nn.Sequential:
        """[B,channels,H,W] → [B,outputs,H/4,W/4]. Nothing runs at full resolution, where memory is the bottleneck."""
        w = self.width
        return nn.Sequential(
            nn.PixelUnshuffle(2),
            nn.Conv2d(4 * self.channels, w, 3, padding=1),
            nn.ReLU(inplace=True),
            ResidualBlock(w),
            nn.Conv2d(w, 2 * w, 4, stride=2, padding=1),
            *(ResidualBlock(2 * w) for _ in range(self.blocks)),
            nn.Conv2d(2 * w, outputs, 3, padding=1),
        )

    def decoder(self, outputs: int) -> nn.Sequential:
        """[B,code,H/4,W/4] → [B,outputs,H,W]."""
        w = self.width
        return nn.Sequential(
            nn.Conv2d(self.code, 2 * w, 3, padding=1),
            *(ResidualBlock(2 * w) for _ in range(self.blocks)),
            nn.ConvTranspose2d(2 * w, w, 4, stride=2, padding=1),
            ResidualBlock(w),
            nn.ReLU(inplace=True),
            nn.Conv2d(w, 4 * outputs, 3, padding=1),
            nn.PixelShuffle(2),
        )

    @property
    def radius(self) -> int:
        """Pixels by which one output pixel can see to each side."""
        half_resolution = 1 + 2 * (1 + 2 + 2)
        return 2 * (half_resolution + FACTOR * (2 * self.blocks + 1))

    @property
    def activation_bytes(self) -> int:
        """Peak bytes of activations per pixel, measured as seven copies of the features at half resolution."""
        return 7 * self.width + 8 * self.channels


def bottleneck_shape(state: StateDict) -> BottleneckShape:
    """The shape of weights named as above."""
    width, planes = state["encoder.1.weight"].shape[:2]
    return BottleneckShape(
        channels=planes // 4,
        width=width,
        code=state["decoder.0.weight"].shape[1],
        blocks=count_blocks(state, "encoder") - 4,
    )


def bottleneck_spec(name: str, architecture: str, weights: Weights) -> Spec:
    """What there is to know about the network of these weights."""
    shape = bottleneck_shape(weights.state)
    return Spec(
        name=name,
        architecture=architecture,
        prediction="clean",
        conditioning="none",
        channels=shape.channels,
        multiple=FACTOR,
        radius=shape.radius,
        activation_bytes=shape.activation_bytes,
    )


def is_bottleneck(state: StateDict, codes: int) -> bool:
    """Whether the encoder gives `codes` numbers for each one the decoder takes."""
    if not {"encoder.1.weight", "encoder.3.res.0.weight", "decoder.0.weight", "decoder.1.res.0.weight"} <= state.keys():
        return False
    last = max(int(part) for key in state if key.startswith("encoder.") and (part := key.split(".")[1]).isdecimal())
    end = state.get(f"encoder.{last}.weight")
    return end is not None and end.shape[0] == codes * state["decoder.0.weight"].shape[1]
