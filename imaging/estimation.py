"""How much noise is in a picture: sigma from the median absolute deviation of the finest diagonal wavelet band."""

from __future__ import annotations

import torch
from torch import Tensor

MAD_TO_SIGMA = 1.4826


def estimate_sigma(image: Tensor) -> Tensor:
    """[B,C,H,W] on the [0,1] scale → [B] standard deviation of white Gaussian noise (Donoho & Johnstone 1994).

    The finest diagonal Haar band holds mostly noise. A lower bound when the noise is spatially correlated.
    Pictures below 2×2 pixels hold no such band and give 0.
    """
    height, width = image.shape[-2] // 2 * 2, image.shape[-1] // 2 * 2
    even = image[..., :height, :width]
    a, b = even[..., ::2, ::2], even[..., ::2, 1::2]
    c, d = even[..., 1::2, ::2], even[..., 1::2, 1::2]
    diagonal = ((a - b - c + d) / 2).flatten(2)
    if diagonal.shape[-1] == 0:
        return torch.zeros(image.shape[0])
    return (diagonal.abs().median(dim=-1).values * MAD_TO_SIGMA).mean(dim=1)
