"""The residual block that several networks are made of."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ..fused import FusedConvolution, is_plain


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

    def fused_twin(self, dtype: torch.dtype) -> nn.Module:
        """See `models.fused`."""
        first, _, second = self.res
        return FusedResidualBlock(first, second, dtype) if is_plain(first) and is_plain(second) else self


class FusedResidualBlock(nn.Module):
    """The same in two passes over memory instead of four."""

    def __init__(self, first: nn.Conv2d, second: nn.Conv2d, dtype: torch.dtype) -> None:
        super().__init__()
        self.first = FusedConvolution(first, dtype, rectified=True)
        self.second = FusedConvolution(second, dtype)

    def forward(self, x: Tensor) -> Tensor:
        return self.second(self.first(x), plus=x)
