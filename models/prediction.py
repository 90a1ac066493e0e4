"""What the network of a diffusion chain says of x = signal·x0 + spread·ε, x0 in [-1,1]: three languages, one estimate.

signal = √ᾱ and spread = √(1−ᾱ). Predictions: epsilon (arXiv 2006.11239, eq. 15), clean = x0, and
v_prediction = signal·ε − spread·x0 (arXiv 2202.00512, appendix D).
"""

from __future__ import annotations

from torch import Tensor

from ..imaging.level import DenoiseError

CHAIN_PREDICTIONS = ("epsilon", "clean", "v_prediction")


def estimated_original(
    prediction: str, output: Tensor, x: Tensor, signal: Tensor | float, spread: Tensor | float
) -> Tensor:
    """The estimate of x0 that the network's output for x amounts to; all [B,C,H,W], on the chain's own scale.

    Raises:
        DenoiseError: unknown prediction.
    """
    if prediction == "epsilon":
        return (x - spread * output) / signal
    if prediction == "v_prediction":
        return signal * x - spread * output
    if prediction == "clean":
        return output
    raise _unknown(prediction)


def expected_output(
    prediction: str, original: Tensor, noise: Tensor, signal: Tensor | float, spread: Tensor | float
) -> Tensor:
    """What the network should say of signal·original + spread·noise. Raises DenoiseError as above."""
    if prediction == "epsilon":
        return noise
    if prediction == "v_prediction":
        return signal * noise - spread * original
    if prediction == "clean":
        return original
    raise _unknown(prediction)


def _unknown(prediction: str) -> DenoiseError:
    known = ", ".join(CHAIN_PREDICTIONS)
    return DenoiseError(f"a diffusion chain's network cannot predict {prediction!r}; it may predict {known}.")
