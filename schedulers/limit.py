"""Keeping a clean estimate inside the range of pictures: clipping, or Imagen's dynamic thresholding."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, get_args

import torch
from torch import Tensor

LimitMode = Literal["none", "clip", "threshold"]
LIMIT_MODES: tuple[str, ...] = get_args(LimitMode)


@dataclass(frozen=True)
class Limit:
    """What happens to a clean estimate before a step uses it.

    mode: none; clip to ±bound; threshold: per picture, s is the `ratio` quantile of |x̂0|, kept between 1 and `bound`,
    and x̂0 becomes clip(x̂0, −s, s)/s (arXiv 2205.11487, section 2.3). bound is on the [-1,1] scale, 1 = the unit range.
    """

    mode: LimitMode = "clip"
    bound: float = 1.0
    ratio: float = 0.995

    def __post_init__(self) -> None:
        if self.mode not in LIMIT_MODES:
            raise ValueError(f"limit {self.mode!r} is unknown; use one of {', '.join(LIMIT_MODES)}.")
        if not self.bound > 0 or (self.mode == "threshold" and self.bound < 1):
            raise ValueError(f"the bound of limit {self.mode!r} must be positive, and at least 1 to threshold.")
        if not 0 < self.ratio <= 1:
            raise ValueError(f"ratio must be above 0 and at most 1, got {self.ratio}.")

    def __call__(self, clean: Tensor) -> Tensor:
        """[B,C,H,W] on the [0,1] scale → the limited estimate on the same scale; the input itself with mode 'none'."""
        if self.mode == "none":
            return clean
        if self.mode == "clip":
            return clean.clamp((1 - self.bound) / 2, (1 + self.bound) / 2)
        centred = 2 * clean - 1
        scale = quantile(centred.abs(), self.ratio).clamp(1, self.bound).view(-1, 1, 1, 1)
        return (torch.maximum(torch.minimum(centred, scale), -scale) / scale + 1) / 2


def quantile(values: Tensor, ratio: float) -> Tensor:
    """[B,...] → [B] the linearly interpolated quantile; torch's own refuses pictures above 16 million values."""
    flat = values.flatten(1)
    position = ratio * (flat.shape[1] - 1)
    below = math.floor(position)
    lower = flat.kthvalue(below + 1, dim=1).values
    upper = flat.kthvalue(min(below + 2, flat.shape[1]), dim=1).values
    return torch.lerp(lower, upper, position - below)
