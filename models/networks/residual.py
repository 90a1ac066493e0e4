"""The residual block that several networks are made of."""

from __future__ import annotations

from torch import Tensor, nn


class ResidualBlock(nn.Module):
    """x + Conv(ReLU(Conv(x))), 3×3."""

    def __init__(self, width: int, bias: bool = True) -> None:
        super().__init__()
        self.res = nn.Sequential(
            nn.Conv2d(width, width, 3, padding=1, bias=bias),
            nn.ReLU(inplace=True),
            nn.Conv2d(width, width, 3, padding=1, bias=bias),
        )

    def forward(self, x: Tensor) -> Tensor:
        return x + self.res(x)
