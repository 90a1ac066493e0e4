"""The PSNR as a loss: the value in decibels, and the direction in which it improves."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from realdenoise.training.objectives import distance
from skimage.metrics import peak_signal_noise_ratio


def pictures(seed: int, *spread: float) -> torch.Tensor:
    """One picture of white noise around 0.5 for each standard deviation."""
    noise = torch.randn(len(spread), 3, 12, 10, generator=torch.manual_seed(seed), dtype=torch.float64)
    return 0.5 + noise * torch.tensor(spread).view(-1, 1, 1, 1)


@given(st.integers(0, 1000), st.floats(0.02, 0.3))
def test_the_value_is_minus_the_mean_psnr(seed, spread):
    clean, estimate = pictures(seed, 0.1, 0.1), pictures(seed + 1, spread, 0.05)
    expected = [
        peak_signal_noise_ratio(c, e, data_range=1) for c, e in zip(clean.numpy(), estimate.numpy(), strict=True)
    ]
    assert float(distance(estimate, clean, "psnr")) == pytest.approx(-np.mean(expected), abs=1e-5)


def test_the_gradient_is_that_of_the_psnr():
    clean, estimate = pictures(0, 0.1, 0.1), pictures(1, 0.3, 0.02).requires_grad_()
    distance(estimate, clean, "psnr").backward()
    ours, estimate.grad = estimate.grad, None
    (10 * (estimate - clean).square().mean(dim=(1, 2, 3)).log10()).mean().backward()
    torch.testing.assert_close(ours, estimate.grad)


def test_with_a_teacher_the_gradient_leads_to_its_answer_and_the_value_stays():
    clean, estimate, target = pictures(0, 0.1), pictures(1, 0.1).requires_grad_(), pictures(2, 0.1)
    loss = distance(estimate, target, "psnr", clean)
    assert float(loss.detach()) == pytest.approx(float(distance(estimate.detach(), clean, "psnr")))
    loss.backward()
    assert estimate.grad is not None
    direction = (estimate - target).detach()
    assert float(torch.cosine_similarity(estimate.grad.flatten(), direction.flatten(), 0)) == pytest.approx(1)


def test_a_perfect_sample_asks_for_nothing():
    clean = pictures(0, 0.1)
    estimate = clean.clone().requires_grad_()
    loss = distance(estimate, clean, "psnr")
    loss.backward()
    assert float(loss.detach()) == pytest.approx(-60) and estimate.grad is not None and not estimate.grad.any()


def test_another_norm_is_refused():
    with pytest.raises(ValueError, match="'l3' is unknown; use l1, l2, charbonnier or psnr"):
        distance(torch.zeros(1), torch.zeros(1), "l3")
