"""Several pictures of one thing: their mean, and how far they disagree."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Spread:
    """Mean and standard deviation of several pictures, [B,C,H,W] on the [0,1] scale."""

    mean: Tensor
    deviation: Tensor


def spread_of(pictures: Iterable[Tensor]) -> Spread:
    """Mean and standard deviation (n − 1; 0 for one) of equally shaped pictures, in one pass that keeps none of them.

    Raises:
        ValueError: no picture.
    """
    count, mean, squares = 0, torch.zeros(()), torch.zeros(())
    for count, picture in enumerate(pictures, start=1):
        # Welford 1962: no difference of large numbers.
        step = picture.double() - mean
        mean = mean + step / count
        squares = squares + step * (picture - mean)
    if count == 0:
        raise ValueError("there is no picture to take the mean of.")
    return Spread(mean.float(), (squares / max(1, count - 1)).sqrt().float())
