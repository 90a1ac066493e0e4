"""Denoising by sampling, the classes of the prior, and the prior in the box."""

from __future__ import annotations

import pytest
import torch
from realdenoise.imaging.level import DenoiseError, Level
from realdenoise.models.prior_labels import LABELS, label
from realdenoise.schedulers.ddpm import DDPMScheduler
from realdenoise.schedulers.loop import average_runs
from realdenoise.schedulers.posterior import denoise_with_prior, sample_posterior

PRIOR_MEAN, PRIOR_SPREAD = 0.4, 0.12


def gaussian_denoiser(image: torch.Tensor, level: Level, _: object = None) -> torch.Tensor:
    """The exact clean estimate when every pixel is an independent N(0.4, 0.12²): Wiener's filter."""
    signal, noise = PRIOR_SPREAD**2, torch.as_tensor(level.sigma) ** 2
    return (signal * image + noise * PRIOR_MEAN) / (signal + noise)


def test_samples_have_the_posterior_of_a_gaussian_prior() -> None:
    """Known in closed form: mean = Wiener's estimate, variance = s²σ²/(s² + σ²)."""
    sigma = 0.1
    noisy = PRIOR_MEAN + 0.15 * torch.randn(1, 3, 24, 24, generator=torch.Generator().manual_seed(0))
    drawn = denoise_with_prior(noisy, gaussian_denoiser, sigma, runs=40, steps=1000)
    spread = PRIOR_SPREAD * sigma / (PRIOR_SPREAD**2 + sigma**2) ** 0.5
    off = drawn.mean - gaussian_denoiser(noisy, Level(sigma))
    assert abs(off.mean()) < 0.002
    assert off.std() == pytest.approx(spread / 40**0.5, rel=0.1)
    # the chain's variance leaves out what x0 varies within one of its steps, here 3.7 %
    assert drawn.spread.square().mean().sqrt() == pytest.approx(spread, rel=0.05)
    assert (drawn.one - noisy).std() > 0.01


def test_mean_is_that_of_the_runs_one_by_one() -> None:
    noisy = torch.rand(2, 3, 8, 8)
    state = DDPMScheduler(4).start(noisy, sigma=0.2, seed=5)
    drawn = sample_posterior(state, gaussian_denoiser, 3)
    average = average_runs(state, gaussian_denoiser, 3)
    assert torch.allclose(drawn.mean, average.scheduler.view(average)[0], atol=1e-6)
    alone = denoise_with_prior(noisy[1:], gaussian_denoiser, 0.2, runs=3, steps=4, seed=5, first_frame=1)
    assert torch.allclose(alone.mean, drawn.mean[1:], atol=1e-6)
    assert torch.allclose(alone.spread, drawn.spread[1:], atol=1e-6)


def test_one_step_is_a_plain_call() -> None:
    noisy = torch.rand(2, 1, 8, 8)
    sigma = torch.tensor([0.1, 0.3])
    drawn = denoise_with_prior(noisy, gaussian_denoiser, sigma, runs=2, steps=1)
    assert drawn.spread.max() < 1e-6
    for frame in range(2):
        plain = gaussian_denoiser(noisy[frame : frame + 1], Level(float(sigma[frame])))
        assert torch.allclose(drawn.mean[frame : frame + 1], plain, atol=0.01)  # the timestep's sigma is the nearest


def test_unusable_settings_are_refused() -> None:
    noisy = torch.rand(1, 3, 8, 8)
    with pytest.raises(ValueError, match="runs"):
        denoise_with_prior(noisy, gaussian_denoiser, 0.1, runs=0)
    with pytest.raises(DenoiseError, match="noise level"):
        denoise_with_prior(noisy, gaussian_denoiser, None)
    with pytest.raises(DenoiseError, match="not a map"):
        denoise_with_prior(noisy, gaussian_denoiser, torch.rand(1, 1, 8, 8))


COLOURS = {"neutral": (0.5, 0.5, 0.5), "warm": (0.6, 0.4, 0.2), "green": (0.3, 0.6, 0.2), "blue": (0.2, 0.4, 0.7)}


@pytest.mark.parametrize("number", range(8))
def test_labels_mean_their_names(number: int) -> None:
    texture, hue = LABELS[number].split()
    picture = torch.tensor(COLOURS[hue]).reshape(1, 3, 1, 1).expand(1, 3, 64, 64).clone()
    strength = 0.1 if texture == "textured" else 0.01
    gray_noise = torch.randn(1, 1, 64, 64, generator=torch.Generator().manual_seed(0))
    picture += strength * gray_noise
    assert label(picture).tolist() == [number]
    assert label(picture.flip(-1).rot90(1, (2, 3))).tolist() == [number]
