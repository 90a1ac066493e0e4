"""How much is going on in a picture: the spatial information of video-quality testing."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from .control import luma_of


def spatial_information(image: Tensor) -> Tensor:
    """[B,H,W,1 or 3] on the [0,1] scale → [B] spatial information SI, float64 (ITU-T P.910, section 7.7).

    The standard deviation of the Sobel gradient of the luma on the 0–255 scale: 0 for a flat picture, about 20 for
    a plain background, above 100 for foliage. Pictures below 3×3 pixels hold no gradient and give 0.
    """
    luma = 255 * luma_of(image.permute(0, 3, 1, 2).float())
    if min(luma.shape[-2:]) < 3:
        return torch.zeros(len(image), dtype=torch.float64)
    sobel = torch.tensor([[1.0, 0, -1], [2, 0, -2], [1, 0, -1]])
    gradient = F.conv2d(luma, torch.stack([sobel, sobel.T])[:, None])
    return gradient.double().square().sum(dim=1).sqrt().flatten(1).std(dim=1, unbiased=False)
