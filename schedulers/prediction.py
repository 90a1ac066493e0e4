"""The languages a diffusion network may speak, and the clean estimate they all amount to."""

from __future__ import annotations

from typing import Literal, get_args

from torch import Tensor

from ..imaging.level import DenoiseError

Prediction = Literal["epsilon", "sample", "v_prediction"]
PREDICTIONS: tuple[str, ...] = get_args(Prediction)


def to_clean(prediction: str, output: Tensor, x: Tensor, alpha_bar: float) -> Tensor:
    """What a network says about x = √ᾱ·x̂0 + √(1−ᾱ)·ε̂ → the clean estimate on the [0,1] scale.

    Args:
        prediction: epsilon = ε̂ (arXiv 2006.11239, eq. 15), sample = x̂0, v_prediction = √ᾱ·ε̂ − √(1−ᾱ)·x̂0
            (arXiv 2202.00512, appendix D).
        output, x: [B,C,H,W] on the chain's own scale, pictures in [-1,1]. alpha_bar: ᾱ, above 0.

    Raises:
        DenoiseError: unknown prediction.
    """
    signal, noise = alpha_bar**0.5, (1 - alpha_bar) ** 0.5
    if prediction == "epsilon":
        original = (x - noise * output) / signal
    elif prediction == "v_prediction":
        original = signal * x - noise * output
    else:
        original = _sample(prediction, output)
    return (original + 1) / 2


def from_clean(prediction: str, clean: Tensor, x: Tensor, alpha_bar: float) -> Tensor:
    """The inverse of `to_clean`; alpha_bar below 1."""
    signal, noise = alpha_bar**0.5, (1 - alpha_bar) ** 0.5
    original = 2 * clean - 1
    if prediction == "epsilon":
        return (x - signal * original) / noise
    if prediction == "v_prediction":
        return (signal * x - original) / noise
    return _sample(prediction, original)


def _sample(prediction: str, original: Tensor) -> Tensor:
    if prediction != "sample":
        raise DenoiseError(f"prediction {prediction!r} is unknown; use one of {', '.join(PREDICTIONS)}.")
    return original


def predicted_noise(image: Tensor, clean: Tensor, sigma: float | Tensor) -> Tensor:
    """ε̂ = (x − x̂0)/σ of a picture [B,C,H,W] with noise sigma, all on the [0,1] scale."""
    return (image - clean) / sigma


def score(image: Tensor, clean: Tensor, sigma: float | Tensor) -> Tensor:
    """∇ log p(x; σ) = (D(x; σ) − x)/σ² (Tweedie; Vincent 2011), on the [0,1] scale."""
    return (clean - image) / sigma**2
