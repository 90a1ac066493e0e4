"""RIDNet: four blocks of dilated, residual and attended convolutions (Anwar & Barnes, arXiv 1904.07396)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..contract import Spec
from ..registry import Architecture, StateDict, Weights, register

MEAN = (0.4488, 0.4371, 0.4040)
"""Mean colour of DIV2K, subtracted before the network and added to its answer."""
BLOCKS = 4
REDUCTION = 16


class Activated(nn.Module):
    """A convolution and its activation."""

    def __init__(self, c_in: int, c_out: int, size: int, activation: nn.Module) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(c_in, c_out, size, padding=size // 2), activation)

    def forward(self, x: Tensor) -> Tensor:
        return self.body(x)


class MergeRun(nn.Module):
    """Two branches of dilated convolutions, merged and added to the input (section 3.2, 'merge-and-run')."""

    def __init__(self, width: int) -> None:
        super().__init__()

        def branch(*dilations: int) -> nn.Sequential:
            layers: list[nn.Module] = []
            for dilation in dilations:
                layers += [nn.Conv2d(width, width, 3, padding=dilation, dilation=dilation), nn.ReLU(inplace=True)]
            return nn.Sequential(*layers)

        self.body1, self.body2 = branch(1, 2), branch(3, 4)
        self.body3 = nn.Sequential(nn.Conv2d(2 * width, width, 3, padding=1), nn.ReLU(inplace=True))

    def forward(self, x: Tensor) -> Tensor:
        return x + self.body3(torch.cat([self.body1(x), self.body2(x)], dim=1))


class Residual(nn.Module):
    """ReLU(x + body(x)) of two 3×3 convolutions, with a closing 1×1 one when `enhanced`."""

    def __init__(self, width: int, enhanced: bool = False) -> None:
        super().__init__()
        layers = [nn.Conv2d(width, width, 3, padding=1), nn.ReLU(inplace=True), nn.Conv2d(width, width, 3, padding=1)]
        if enhanced:
            layers += [nn.ReLU(inplace=True), nn.Conv2d(width, width, 1)]
        self.body = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(x + self.body(x))


class FeatureAttention(nn.Module):
    """Each feature weighed by what the means of all features over the picture say (section 3.3, eq. 8)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.c1 = Activated(width, width // REDUCTION, 1, nn.ReLU(inplace=True))
        self.c2 = Activated(width // REDUCTION, width, 1, nn.Sigmoid())

    def forward(self, x: Tensor) -> Tensor:
        return x * self.c2(self.c1(x.mean(dim=(2, 3), keepdim=True)))


class AttentionModule(nn.Module):
    """Enhancement attention module (figure 2)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.r1 = MergeRun(width)
        self.r2 = Residual(width)
        self.r3 = Residual(width, enhanced=True)
        self.ca = FeatureAttention(width)

    def forward(self, x: Tensor) -> Tensor:
        return self.ca(self.r3(self.r2(self.r1(x))))


class RIDNet(nn.Module):
    """Feature extraction, four attention modules, reconstruction; the network predicts what to add to the picture.

    Args:
        channels: planes of the picture. width: features. scale: pixel values are multiplied by this before the
            network; 255 in the authors' files, 1 in ours.
    """

    def __init__(self, channels: int = 3, width: int = 64, scale: float = 1.0) -> None:
        super().__init__()
        self.scale = scale
        self.sub_mean = _shift(channels, -scale)
        self.head = Activated(channels, width, 3, nn.ReLU(inplace=True))
        for number in range(1, BLOCKS + 1):
            self.add_module(f"b{number}", AttentionModule(width))
        self.tail = nn.Conv2d(width, channels, 3, padding=1)
        self.add_mean = _shift(channels, scale)
        # The mean is added to a correction, not to a picture: starting from its opposite, training need not undo it.
        self.tail.bias.data.copy_(-self.add_mean.bias)  # type: ignore[union-attr]

    def forward(self, x: Tensor) -> Tensor:
        """x [B,C,H,W] on the [0,1] scale → clean estimate of the same shape."""
        features = self.head(self.sub_mean(self.scale * x))
        for number in range(1, BLOCKS + 1):
            features = self.get_submodule(f"b{number}")(features)
        return x + self.add_mean(self.tail(features)) / self.scale


def _shift(channels: int, scale: float) -> nn.Conv2d:
    """The published files keep 'add a colour' as a frozen 1×1 convolution."""
    shift = nn.Conv2d(channels, channels, 1).requires_grad_(False)
    colour = torch.tensor(MEAN if channels == 3 else [sum(MEAN) / 3] * channels)
    shift.weight.copy_(torch.eye(channels)[..., None, None])
    shift.bias.copy_(scale * colour)  # type: ignore[union-attr]
    return shift


def _detect(weights: Weights) -> bool:
    return {
        "sub_mean.bias",
        "head.body.0.weight",
        "b1.r1.body3.0.weight",
        "b4.ca.c2.body.0.weight",
    } <= weights.state.keys()


def _shape(state: StateDict) -> tuple[int, int, float]:
    width, channels = state["head.body.0.weight"].shape[:2]
    return channels, width, 255.0 if state["sub_mean.bias"].abs().max() > 1 else 1.0


def _spec(weights: Weights) -> Spec:
    channels, width, _ = _shape(weights.state)
    return Spec(
        name="RIDNet",
        architecture="RIDNet",
        prediction="clean",
        conditioning="none",
        channels=channels,
        radius=2 + 12 * BLOCKS,
        global_statistics=True,
        activation_bytes=6 * 4 * width,
    )


register(
    Architecture(
        name="RIDNet",
        detect=_detect,
        build=lambda weights: RIDNet(*_shape(weights.state)),
        spec=_spec,
        create=RIDNet,
    )
)
