"""DRUNet: a bias-free residual U-Net that is told the noise level (Zhang et al., arXiv 2008.13751, section 4)."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn

from ..contract import Spec
from ..registry import Architecture, StateDict, Weights, count_blocks, register
from .padding import pad_to_multiple
from .residual import ResidualBlock

SCALES = 3
SIGMA_RANGE = (0.0, 50 / 255)


class DRUNet(nn.Module):
    """Four scales of residual blocks, strided convolutions between them, added skips; module names as published.

    Args:
        channels: planes of the picture. widths: features at each of the four scales. blocks: per scale and side.
        bias: the published networks have none.
    """

    def __init__(
        self,
        channels: int = 3,
        widths: tuple[int, ...] = (64, 128, 256, 512),
        blocks: int = 4,
        bias: bool = False,
    ) -> None:
        super().__init__()

        def residual(width: int) -> list[nn.Module]:
            return [ResidualBlock(width, bias) for _ in range(blocks)]

        self.m_head = nn.Conv2d(channels + 1, widths[0], 3, padding=1, bias=bias)
        for scale, (fine, coarse) in enumerate(pairwise(widths), start=1):
            down = nn.Conv2d(fine, coarse, 2, stride=2, bias=bias)
            up = nn.ConvTranspose2d(coarse, fine, 2, stride=2, bias=bias)
            self.add_module(f"m_down{scale}", nn.Sequential(*residual(fine), down))
            self.add_module(f"m_up{scale}", nn.Sequential(up, *residual(fine)))
        self.m_body = nn.Sequential(*residual(widths[-1]))
        self.m_tail = nn.Conv2d(widths[0], channels, 3, padding=1, bias=bias)

    def forward(self, x: Tensor, sigma: Tensor) -> Tensor:
        """x [B,C,H,W], sigma [B,1,1,1] or [B,1,H,W], both on the [0,1] scale → clean estimate [B,C,H,W]."""
        height, width = x.shape[-2:]
        levels = sigma.to(x.dtype).expand(-1, -1, height, width)
        features = [self.m_head(pad_to_multiple(torch.cat([x, levels], dim=1), 2**SCALES))]
        for scale in range(1, SCALES + 1):
            features.append(self.get_submodule(f"m_down{scale}")(features[-1]))
        y = self.m_body(features[-1])
        for scale in range(SCALES, 0, -1):
            y = self.get_submodule(f"m_up{scale}")(y + features.pop())
        return self.m_tail(y + features.pop())[..., :height, :width]


def receptive_radius(blocks: int) -> int:
    """Pixels by which one output pixel can see to each side: head, tail, blocks and strides of every scale."""
    sides = sum((2 * 2 * blocks + 1) * 2**scale for scale in range(SCALES))
    return 2 + sides + 2 * blocks * 2**SCALES


def _detect(weights: Weights) -> bool:
    state = weights.state
    if not {"m_head.weight", "m_tail.weight", "m_body.0.res.0.weight", "m_up3.0.weight"} <= state.keys():
        return False
    head, tail, up = state["m_head.weight"], state["m_tail.weight"], state["m_up3.0.weight"]
    strided = f"m_down1.{count_blocks(state, 'm_body')}.weight" in state and tuple(up.shape[2:]) == (2, 2)
    return strided and head.shape[1] == tail.shape[0] + 1 and tail.shape[0] in (1, 3)


def _shape(state: StateDict) -> tuple[int, tuple[int, ...], int, bool]:
    firsts = ("m_down1", "m_down2", "m_down3", "m_body")
    widths = tuple(state[f"{stage}.0.res.0.weight"].shape[0] for stage in firsts)
    return state["m_tail.weight"].shape[0], widths, count_blocks(state, "m_body"), "m_head.bias" in state


def _spec(weights: Weights) -> Spec:
    channels, widths, blocks, _ = _shape(weights.state)
    return Spec(
        name="DRUNet",
        architecture="DRUNet",
        prediction="clean",
        conditioning="sigma_map",
        channels=channels,
        multiple=2**SCALES,
        radius=receptive_radius(blocks),
        sigma_range=SIGMA_RANGE,
        activation_bytes=5 * 4 * widths[0],
        map_bytes=4 * widths[0],
    )


register(
    Architecture(
        name="DRUNet",
        detect=_detect,
        build=lambda weights: DRUNet(*_shape(weights.state)),
        spec=_spec,
        create=DRUNet,
    )
)
