"""Interpolation diffusion (arXiv 2305.04457): what its two samplers return, exactly."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from realdenoise.schedulers.interpolation import InterpolationScheduler
from realdenoise.schedulers.loop import run_loop

METHODS = ["improved", "origin"]


def picture(seed=0):
    return torch.rand(2, 3, 6, 5, generator=torch.Generator().manual_seed(seed))


def run(scheduler, noisy, estimates):
    """Run the loop with the given estimates, one per step; → final picture and the levels the denoiser was shown."""
    levels, waiting = [], list(estimates)

    def denoiser(image, level, monitor):
        levels.append(level)
        return waiting.pop(0)

    return run_loop(scheduler.start(noisy, sigma=0.2), denoiser).x, levels


@given(steps=st.integers(1, 20), seed=st.integers(0, 50))
def test_improved_returns_the_mean_of_its_estimates(steps, seed):
    estimates = [picture(seed + 1 + i) for i in range(steps)]
    result, _ = run(InterpolationScheduler(steps, "improved"), picture(seed), estimates)
    assert torch.allclose(result, torch.stack(estimates).mean(0), atol=1e-5)


@given(steps=st.integers(1, 20), seed=st.integers(0, 50))
def test_origin_returns_its_last_estimate(steps, seed):
    estimates = [picture(seed + 1 + i) for i in range(steps)]
    result, _ = run(InterpolationScheduler(steps, "origin"), picture(seed), estimates)
    assert torch.allclose(result, estimates[-1], atol=1e-6)


@pytest.mark.parametrize("method", METHODS)
@given(alpha=st.floats(0.05, 1), steps=st.integers(1, 10))
def test_a_partly_noisy_input_leaves_none_of_its_noise(method, alpha, steps):
    clean, noise = picture(), torch.randn(2, 3, 6, 5, generator=torch.Generator().manual_seed(1))
    noisy = clean + alpha * noise
    result, levels = run(InterpolationScheduler(steps, method, alpha), noisy, [clean] * steps)
    assert torch.allclose(result, clean, atol=1e-5)
    assert levels[0].alpha == alpha


@pytest.mark.parametrize("method", METHODS)
def test_with_exact_estimates_it_walks_the_straight_path(method):
    """x at α is (1 − α)·x0 + α·x_T, and the sigma told to the denoiser shrinks with α."""
    clean, noisy = picture(1), picture(2)
    scheduler = InterpolationScheduler(4, method)
    state = scheduler.start(noisy, sigma=0.2)
    for alpha in (1.0, 0.75, 0.5, 0.25):
        image, level = scheduler.view(state)
        assert torch.allclose(image, (1 - alpha) * clean + alpha * noisy, atol=1e-6)
        assert level.alpha == alpha and float(level.sigma.max()) == pytest.approx(0.2 * alpha)
        state = scheduler.step(state, clean)


def test_an_error_in_one_estimate_is_divided_by_the_steps_only_by_improved():
    """The paper's reason for the improved sampler: one inaccurate estimate out of five costs a fifth."""
    clean, wrong = picture(), picture() + 0.5
    estimates = [clean, clean, clean, clean, wrong]
    improved, _ = run(InterpolationScheduler(5, "improved"), picture(3), estimates)
    origin, _ = run(InterpolationScheduler(5, "origin"), picture(3), estimates)
    assert (improved - clean).mean() == pytest.approx(0.1, abs=1e-5)
    assert (origin - clean).mean() == pytest.approx(0.5, abs=1e-5)


def test_one_step_is_one_call_of_the_denoiser():
    for method in METHODS:
        result, levels = run(InterpolationScheduler(1, method), picture(), [picture(7)])
        assert torch.allclose(result, picture(7), atol=1e-6) and len(levels) == 1


def test_a_map_of_sigma_and_sigma_per_frame_shrink_too():
    scheduler = InterpolationScheduler(2)
    levels = torch.rand(2, 1, 6, 5)
    state = scheduler.step(scheduler.start(picture(), sigma=levels), picture())
    assert torch.allclose(scheduler.view(state)[1].sigma, levels / 2)
    state = scheduler.step(scheduler.start(picture(), sigma=torch.tensor([0.2, 0.4])), picture())
    assert torch.allclose(scheduler.view(state)[1].sigma.flatten(), torch.tensor([0.1, 0.2]))
