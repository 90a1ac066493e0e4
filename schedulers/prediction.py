"""Other words for the clean estimate: the noise it leaves, and the score."""

from __future__ import annotations

from torch import Tensor


def predicted_noise(image: Tensor, clean: Tensor, sigma: float | Tensor) -> Tensor:
    """ε̂ = (x − x̂0)/σ of a picture [B,C,H,W] with noise sigma, all on the [0,1] scale."""
    return (image - clean) / sigma


def score(image: Tensor, clean: Tensor, sigma: float | Tensor) -> Tensor:
    """∇ log p(x; σ) = (D(x; σ) − x)/σ² (Tweedie; Vincent 2011), on the [0,1] scale."""
    return (clean - image) / sigma**2
