"""A 3×3 median that a network can look at beside its input."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def median3(x: Tensor) -> Tensor:
    """Median of the 3×3 neighbourhood of every value of [B,C,H,W]; edges are repeated.

    The median of nine is the median of the largest low, the middle middle and the smallest high of the three sorted
    columns (Smith 1996): eighteen minima and maxima, no sort.
    """
    height, width = x.shape[-2:]
    padded = F.pad(x, (1, 1, 1, 1), mode="replicate")
    top, centre, bottom = (padded[..., row : row + height, :] for row in range(3))
    low, high = torch.minimum(top, centre), torch.maximum(top, centre)
    middle, high = torch.minimum(high, bottom), torch.maximum(high, bottom)
    low, middle = torch.minimum(low, middle), torch.maximum(low, middle)
    lows, middles, highs = ([t[..., c : c + width] for c in range(3)] for t in (low, middle, high))
    largest_low = torch.maximum(torch.maximum(lows[0], lows[1]), lows[2])
    smallest_high = torch.minimum(torch.minimum(highs[0], highs[1]), highs[2])
    return _median_of_three(largest_low, _median_of_three(*middles), smallest_high)


def _median_of_three(a: Tensor, b: Tensor, c: Tensor) -> Tensor:
    return torch.maximum(torch.minimum(a, b), torch.minimum(torch.maximum(a, b), c))
