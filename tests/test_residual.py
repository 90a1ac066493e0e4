"""Residuals: what the pictures of noise look like, and that the structure leak tells noise from picture."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from realdenoise.imaging.level import DenoiseError
from realdenoise.imaging.noise.blur import gaussian_blur, smooth_noise
from realdenoise.imaging.residual import (
    amplified,
    autocorrelation,
    autocorrelation_picture,
    power_spectrum,
    radial_decibels,
    removed,
    spectrum_picture,
)
from realdenoise.imaging.structure_leak import structure_leak


def white(height=200, width=240, sigma=0.1, seed=0):
    noise = np.random.default_rng(seed).standard_normal((1, height, width, 3), dtype=np.float32)
    return torch.from_numpy(sigma * noise)


def scene(height=200, width=240):
    """Curved edges, a grid and a gradient: structure in every direction."""
    y, x = torch.meshgrid(torch.linspace(0, 1, height), torch.linspace(0, 1, width), indexing="ij")
    rings = (((x - 0.4) ** 2 + (y - 0.5) ** 2).sqrt() * 14).floor() % 2
    bars = ((6 * x + 9 * y).floor() % 3) / 3
    gray = 0.2 + 0.3 * rings + 0.2 * bars + 0.2 * x
    return gray[None, :, :, None].expand(1, height, width, 3).contiguous()


def blurred(image, sigma):
    return torch.from_numpy(gaussian_blur(image[0].numpy(), sigma))[None]


@pytest.mark.parametrize("share", [1.0, 0.5, 0.2])
def test_removing_nothing_but_white_noise_leaks_nothing(share):
    clean = scene()
    for seed in range(3):
        noise = white(seed=seed)
        assert structure_leak(clean + noise, clean + (1 - share) * noise).item() < 0.05


def test_removing_nothing_but_correlated_noise_leaks_nothing():
    clean = scene()
    noise = torch.from_numpy(0.1 * smooth_noise((200, 240, 3), 0.7, np.random.default_rng(0)))[None]
    assert structure_leak(clean + noise, clean).item() < 0.05


def test_chance_and_rounding_are_no_leak():
    """A nearly flat picture could lose so little that noise alone would seem to be much of it."""
    for seed in range(8):
        random = torch.Generator().manual_seed(seed)
        flat = 0.5 + 0.01 * torch.randn(1, 96, 96, 1, generator=random)
        assert structure_leak(flat + 0.1 * torch.randn(1, 96, 96, 1, generator=random), flat).item() == 0
    for picture in (scene(), torch.full((1, 96, 96, 1), 0.3)):
        assert structure_leak(picture + 0.1, picture).item() == 0


def test_the_leak_grows_with_the_blur_and_is_high_where_only_picture_is_removed():
    clean = scene()
    noisy = clean + white(sigma=0.05)
    leaks = [structure_leak(noisy, blurred(noisy, sigma)).item() for sigma in (0.5, 1.0, 2.0)]
    assert leaks == sorted(leaks) and leaks[0] > 0.05 and leaks[2] > 0.25
    assert structure_leak(clean, blurred(clean, 1.5)).item() > 0.5


def test_the_leak_of_real_photographs(cbsd68):
    for clean, noisy in cbsd68(3, 25):
        assert structure_leak(noisy, clean).item() < 0.03
        assert structure_leak(noisy, (noisy + clean) / 2).item() < 0.1
        assert structure_leak(noisy, blurred(noisy, 2)).item() > 0.1


def test_pictures_without_anything_to_lose():
    flat = torch.full((2, 64, 64, 1), 0.5)
    assert structure_leak(flat, flat).tolist() == [0, 0]
    assert structure_leak(torch.rand(1, 20, 64, 3), torch.rand(1, 20, 64, 3)).isnan().all()


def test_the_spectrum_of_white_noise_is_flat_and_equals_its_variance():
    power = power_spectrum(white(400, 400))
    assert power.mean().item() == pytest.approx(0.01 / 3, rel=0.05)  # the mean of three planes
    frequencies, decibels = radial_decibels(white(400, 400))
    assert max(abs(d) for d in decibels[3:]) < 1.0
    assert frequencies[-1] == 0.5 and len(frequencies) == len(decibels) == 64


def test_the_spectrum_finds_a_wave():
    columns = torch.arange(256)
    wave = (0.1 * torch.sin(2 * torch.pi * columns / 8)).expand(1, 128, 256)[..., None]
    frequencies, decibels = radial_decibels(wave)
    assert frequencies[int(np.argmax(decibels))] == pytest.approx(1 / 8)
    row, column = divmod(int(power_spectrum(wave).argmax()), 128)
    assert row == 64 and abs(column - 64) == 16


@settings(max_examples=10, deadline=None)
@given(st.integers(16, 40), st.integers(16, 40), st.integers(0, 99))
def test_the_autocorrelation_equals_its_definition(height, width, seed):
    noise = white(height, width, seed=seed)
    plane = noise[0].mean(-1).double()
    plane = plane - plane.mean()
    values = autocorrelation(noise, 8)
    assert values[8, 8] == 1 and torch.allclose(values, values.flip(0, 1), atol=1e-9)
    for dy, dx in [(0, 1), (3, 2), (7, 8)]:
        direct = (plane[dy:, dx:] * plane[: height - dy, : width - dx]).mean() / plane.square().mean()
        assert values[8 + dy, 8 + dx].item() == pytest.approx(direct.item(), abs=1e-9)


def test_the_autocorrelation_of_noise_and_of_correlated_noise():
    plain = autocorrelation(white(300, 300))
    plain[8, 8] = 0
    assert plain.abs().max() < 0.02
    coarse = torch.from_numpy(smooth_noise((300, 300, 3), 1.0, np.random.default_rng(0)))[None]
    assert autocorrelation(coarse)[8, 9].item() == pytest.approx(np.exp(-0.25), abs=0.05)


def test_pictures_of_residuals():
    noise = white(100, 90)
    assert spectrum_picture(noise).shape == (1, 64, 64, 3)
    assert autocorrelation_picture(noise, 64).shape == (1, 64, 64, 3)
    assert amplified(torch.zeros(1, 4, 4, 3), 10).unique().tolist() == [0.5]
    assert torch.allclose(amplified(torch.full((1, 2, 2, 1), 0.02), 5), torch.tensor(0.6))


def test_what_cannot_be_inspected_is_said():
    with pytest.raises(DenoiseError, match="same size"):
        removed(torch.zeros(1, 4, 4, 3), torch.zeros(1, 4, 5, 3))
    with pytest.raises(DenoiseError, match="16x16"):
        power_spectrum(torch.zeros(1, 15, 40, 3))
    with pytest.raises(DenoiseError, match="autocorrelation needs"):
        autocorrelation(torch.zeros(1, 15, 40, 3))
