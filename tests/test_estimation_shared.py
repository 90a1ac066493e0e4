"""Noise that the channels of a colour picture share, as monochrome grain."""

import pytest
import torch
from realdenoise.imaging.estimation import estimate_sigma, measure_noise
from realdenoise.imaging.estimation_map import estimate_sigma_map
from realdenoise.imaging.estimation_signal import fit_poisson_gaussian
from realdenoise.imaging.sample_photos import load_sample


def photograph(name):
    return load_sample(name).permute(0, 3, 1, 2)


@pytest.mark.parametrize("picture", ["cat", "coffee", "astronaut"])
@pytest.mark.parametrize(("sigma", "colour"), [(25, 0), (25, 0.25), (50, 0)])
def test_noise_that_the_channels_share_is_seen_on_their_mean(picture, sigma, colour):
    clean, random = photograph(picture)[..., 40:296, 40:296], torch.Generator().manual_seed(1)
    one, own = (torch.randn(1, count, *clean.shape[2:], generator=random) for count in (1, 3))
    noise = (1 - colour) ** 0.5 * one + colour**0.5 * own
    noisy = ((clean + sigma / 255 * noise).clamp(0, 1) * 255).round() / 255
    measured = measure_noise(noisy)
    assert measured[0].shared
    assert estimate_sigma(noisy, "patch_pca").item() < 0.6 * sigma / 255
    assert estimate_sigma(noisy).item() == pytest.approx(sigma / 255, rel=0.125)
    assert estimate_sigma_map(noisy).median().item() == pytest.approx(sigma / 255, rel=0.2)
    fit = fit_poisson_gaussian(noisy, measured)[0]
    assert fit.sigma(torch.tensor(0.5)).item() == pytest.approx(sigma / 255, rel=0.2)
    assert fit_poisson_gaussian(noisy)[0] == fit


@pytest.mark.parametrize("picture", ["cat", "coffee", "astronaut", "rocket"])
def test_texture_of_a_clean_photograph_is_no_shared_noise(picture):
    assert not measure_noise(photograph(picture))[0].shared
