"""Noise-level estimation: accuracy on photographs, clipping, correlation, maps, shot and read noise, odd shapes."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from realdenoise.imaging.estimation import METHODS, estimate_sigma, measure_noise
from realdenoise.imaging.estimation_clipping import clipped_moments, is_clipped, surviving_variance
from realdenoise.imaging.estimation_map import estimate_sigma_map
from realdenoise.imaging.estimation_signal import PoissonGaussian, fit_line, fit_poisson_gaussian
from realdenoise.imaging.noise import add_noise
from realdenoise.imaging.noise.poisson_gaussian import shot_and_read
from realdenoise.imaging.patches import areas_of_one_value
from realdenoise.imaging.sample_photos import load_sample

CENTRE = (slice(None), slice(40, 296), slice(40, 296))


def planes(image):
    return image.permute(0, 3, 1, 2).contiguous()


def noisy_sample(picture, sigma, kind="gaussian", **options):
    return planes(add_noise(load_sample(picture)[CENTRE], kind, sigma, 1, **options))


def as_8_bit(image):
    return (image.clamp(0, 1) * 255).round() / 255


@pytest.mark.parametrize("picture", ["cat", "coffee", "astronaut"])
@pytest.mark.parametrize("sigma", [5, 25, 75])
def test_white_noise_on_photographs(picture, sigma):
    noisy = noisy_sample(picture, sigma / 255)
    assert estimate_sigma(noisy, "patch_pca").item() * 255 == pytest.approx(sigma, rel=0.04)
    assert estimate_sigma(noisy).item() * 255 == pytest.approx(sigma, rel=0.04)
    noisy[:, 2] = 0  # an empty channel says nothing of the others
    assert estimate_sigma(noisy).item() * 255 == pytest.approx(sigma, rel=0.06)


@pytest.mark.parametrize("sigma", [5, 25, 50])
def test_clipped_8_bit_pictures(sigma):
    noisy = as_8_bit(noisy_sample("rocket", sigma / 255))
    assert sigma < 25 or is_clipped(noisy[0], areas_of_one_value(noisy[0]))
    assert estimate_sigma(noisy).item() * 255 == pytest.approx(sigma, rel=0.05)


def test_areas_of_one_value_are_sought_once(monkeypatch):
    seen = []
    for module in ("estimation", "estimation_signal"):
        name = f"realdenoise.imaging.{module}.areas_of_one_value"
        monkeypatch.setattr(name, lambda frame: seen.append(frame) or areas_of_one_value(frame))
    noisy = as_8_bit(noisy_sample("rocket", 50 / 255))
    known = measure_noise(noisy)
    for measure in (measure_noise, lambda image: fit_poisson_gaussian(image, known)):
        seen.clear()
        measure(noisy)
        assert len(seen) == 1


def test_clipping_is_what_biases_an_uncorrected_estimate():
    noisy = as_8_bit(noisy_sample("rocket", 50 / 255))
    assert estimate_sigma(noisy, "mad").item() * 255 < 47


@pytest.mark.parametrize("sigma", [10, 25, 50])
def test_gray_pictures_alone_and_as_rgb(sigma):
    gray = noisy_sample("cat", sigma / 255)[:, 1:2]
    estimate = estimate_sigma(gray)
    assert estimate.item() * 255 == pytest.approx(sigma, rel=0.06)
    assert torch.equal(estimate, estimate_sigma(gray.expand(-1, 3, -1, -1)))


@pytest.mark.parametrize("shades", [(1.0, 0.9, 0.7), (0.0, 1.0, 0.0), (-0.3, 1.0, 0.6)])
def test_toned_and_single_channel_pictures_are_gray_ones(shades):
    """Sepia, fluorescence, and a duotone whose red falls: directions without noise are no sign of a clean picture."""
    gray = noisy_sample("cat", 25 / 255)[:, 1:2] * 0.6 + 0.2
    shade = torch.tensor(shades).view(1, 3, 1, 1)
    toned = as_8_bit(gray * shade + (shade < 0) * 0.5)
    for method in METHODS:
        wanted = estimate_sigma(gray, method).item()
        assert estimate_sigma(toned, method).item() == pytest.approx(wanted, rel=0.03), method
    assert estimate_sigma_map(toned).mean() == pytest.approx(float(estimate_sigma_map(gray).mean()), rel=0.02)


def test_every_frame_by_itself():
    batch = torch.cat([noisy_sample("cat", sigma / 255) for sigma in (10, 40)])
    both = estimate_sigma(batch)
    assert (both * 255).tolist() == pytest.approx([10, 40], rel=0.04)
    assert torch.equal(both[1:], estimate_sigma(batch[1:]))


def test_no_noise():
    flat = torch.full((1, 3, 64, 64), 0.3)
    assert estimate_sigma(flat).item() < 1e-6
    assert estimate_sigma(torch.ones(1, 3, 64, 64)).item() < 1e-6
    black_and_white = torch.ones(1, 3, 64, 64)
    black_and_white[..., ::2] = 0
    assert torch.isfinite(estimate_sigma(black_and_white)).all()


@pytest.mark.parametrize("value", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("colour", [True, False])
def test_bars_and_logos_hold_no_noise_and_do_not_count(value, colour):
    noisy = noisy_sample("astronaut", 25 / 255).clamp(0, 1)
    noisy = noisy if colour else noisy.mean(dim=1, keepdim=True) * 1.6
    plain = estimate_sigma(noisy).item()
    with_bars, with_logo = noisy.clone(), noisy.clone()
    with_bars[..., :16, :] = with_bars[..., -16:, :] = value
    with_logo[..., 10:60, 10:60] = value
    for picture in (with_bars, with_logo):
        assert estimate_sigma(picture).item() == pytest.approx(plain, rel=0.05)


def test_a_drawing_has_no_noise():
    drawing = torch.zeros(1, 3, 128, 128)
    for number in range(40):
        top, left = 37 * number % 110, 53 * number % 110
        drawing[..., top : top + 18, left : left + 18] = torch.tensor([7, 5, 3]).view(3, 1, 1) * number % 11 / 11
    assert estimate_sigma(drawing).item() < 1e-3


def test_correlated_noise_beside_a_bar():
    noise = F.avg_pool2d(torch.randn(1, 3, 258, 258, generator=torch.Generator().manual_seed(0)), 3, 1) * 0.24
    noisy = (planes(load_sample("coffee")[:, 40:296, 40:296]) + noise).clamp(0, 1)
    plain = estimate_sigma(noisy).item()
    noisy[..., :24, :] = 0.3
    assert estimate_sigma(noisy).item() > 0.75 * plain


def test_unknown_method():
    with pytest.raises(ValueError, match=r"'guess'.*patch_pca"):
        estimate_sigma(torch.zeros(1, 3, 8, 8), "guess")


@settings(max_examples=30)
@given(
    height=st.integers(1, 40),
    width=st.integers(1, 40),
    channels=st.sampled_from([1, 3]),
    method=st.sampled_from(METHODS),
    value=st.sampled_from([None, 0.0, 1.0, 0.5]),
)
def test_any_shape(height, width, channels, method, value):
    image = torch.rand(2, channels, height, width) if value is None else torch.full((2, channels, height, width), value)
    sigma = estimate_sigma(image, method)
    assert sigma.shape == (2,) and torch.isfinite(sigma).all() and (sigma >= 0).all()
    fits = fit_poisson_gaussian(image)
    assert all(0 <= fit.a < 10 and 0 <= fit.b < 10 for fit in fits)
    local = estimate_sigma_map(image)
    assert local.shape == (2, 1, height, width) and torch.isfinite(local).all() and (local >= 0).all()


def test_white_noise_is_not_called_correlated():
    for picture, sigma in (("cat", 5), ("coffee", 25), ("astronaut", 10)):
        measured = measure_noise(noisy_sample(picture, sigma / 255))[0]
        assert not measured.correlated and not measured.shared
        assert measured.sigma == measured.white


@pytest.mark.parametrize(("kind", "amount"), [("camera", 3.2e-3), ("film_grain", 15 / 255)])
def test_correlated_noise_is_found_and_its_white_part_is_a_lower_bound(kind, amount):
    clean = planes(load_sample("coffee")[CENTRE])
    noisy = noisy_sample("coffee", amount, kind)
    true = (noisy - clean).std().item()
    measured = measure_noise(noisy)[0]
    assert measured.correlated
    assert measured.white < 0.6 * true
    # the flattest areas are less noisy or less flat than the mean: right to a factor, where white is several off
    assert true / 1.5 < measured.sigma < 1.5 * true


def test_jpeg_turns_white_noise_into_correlated_noise():
    noisy = add_noise(load_sample("cat")[CENTRE], "gaussian", 15 / 255, 1)
    assert measure_noise(planes(add_noise(noisy, "jpeg", 90, 1)))[0].correlated


def test_clipped_moments_against_samples():
    signal, sigma = torch.tensor([-0.05, 0.0, 0.1, 0.5, 0.97], dtype=torch.float64), 0.1
    drawn = signal + sigma * torch.randn(400_000, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    mean, variance = clipped_moments(signal, sigma)
    assert mean.tolist() == pytest.approx(drawn.clamp(0, 1).mean(0).tolist(), abs=5e-4)
    assert variance.tolist() == pytest.approx(drawn.clamp(0, 1).var(0).tolist(), rel=0.01)
    # and back: from the clipped mean to the share of the variance
    share = surviving_variance(mean.float(), sigma)
    assert share.tolist() == pytest.approx((variance / sigma**2).tolist(), rel=0.01)


def test_sigma_map_of_two_levels():
    clean = planes(load_sample("coffee")[:, 40:296, 40:296])
    sigma = torch.full((1, 1, 256, 256), 10 / 255)
    sigma[..., 128:] = 40 / 255
    noisy = clean + sigma * torch.randn(clean.shape, generator=torch.Generator().manual_seed(0))
    found = estimate_sigma_map(noisy)
    ratio = found / sigma
    # away from the step, which a window of 48 pixels cannot show sharply
    assert ratio[..., :96].median().item() == pytest.approx(1, abs=0.12)
    assert ratio[..., 160:].median().item() == pytest.approx(1, abs=0.05)
    assert (ratio[..., :96] - 1).abs().quantile(0.9) < 0.25
    assert (ratio[..., 160:] - 1).abs().quantile(0.9) < 0.12


@pytest.mark.parametrize(("width", "window", "step"), [(122, 96, 90), (146, 64, 100), (128, 32, 64)])
def test_sigma_map_has_its_steps_in_their_place(width, window, step):
    sigma = torch.full((100, width), 0.02)
    sigma[:, step:] = 0.1
    noise = torch.randn(1, 1, 100, width, generator=torch.Generator().manual_seed(0))
    found = estimate_sigma_map(0.5 + sigma * noise, window)[0, 0].mean(dim=0)
    assert int((found > 0.06).nonzero()[0]) == pytest.approx(step, abs=4)


def test_noise_that_varies_over_the_picture_is_not_called_correlated():
    clean = planes(load_sample("coffee")[:, 40:296, 40:296])
    ramp = torch.linspace(5, 60, 256).expand(1, 1, 256, 256) / 255
    noisy = clean + ramp * torch.randn(clean.shape, generator=torch.Generator().manual_seed(0))
    measured = measure_noise(noisy)[0]
    assert not measured.correlated
    assert measured.white == pytest.approx(ramp.square().mean().sqrt().item(), rel=0.05)
    local = estimate_sigma_map(noisy)
    assert torch.equal(estimate_sigma_map(noisy, measured=[measured]), local)
    ratio = (local / ramp)[..., 64:]
    assert ratio.mean().item() == pytest.approx(1, abs=0.04)


def test_sigma_map_is_even_where_the_noise_is():
    found = estimate_sigma_map(noisy_sample("astronaut", 25 / 255)) * 255
    assert found.mean().item() == pytest.approx(25, rel=0.05)
    assert found.std().item() < 2
    with pytest.raises(ValueError, match="window"):
        estimate_sigma_map(torch.zeros(1, 3, 32, 32), window=4)


@pytest.mark.parametrize(("a", "b"), [(0.01, 0.0004), (0.002, 0.0001), (0.01, 0.0), (0.0, 0.01)])
@pytest.mark.parametrize("picture", ["coffee", "astronaut"])
def test_poisson_gaussian_fit_predicts_the_deviation(picture, a, b):
    clean = load_sample(picture)[0, 40:296, 40:296].numpy()
    noisy = torch.from_numpy(shot_and_read(clean, a, b, np.random.default_rng(0)))
    fit = fit_poisson_gaussian(planes(noisy[None]))[0]
    signal = torch.linspace(0.1, 0.9, 9)
    true = (a * signal + b).sqrt()
    assert fit.sigma(signal).tolist() == pytest.approx(true.tolist(), rel=0.15)


def test_poisson_gaussian_fit_of_a_clipped_picture():
    clean = load_sample("astronaut")[0, 40:296, 40:296].numpy()
    noisy = torch.from_numpy(shot_and_read(clean, 0.01, 0.0004, np.random.default_rng(0))).clamp(0, 1)
    fit = fit_poisson_gaussian(planes(noisy[None]))[0]
    assert fit.sigma(torch.tensor(0.5)).item() == pytest.approx((0.005 + 0.0004) ** 0.5, rel=0.15)


def test_poisson_gaussian_fit_of_one_brightness_is_all_read_noise():
    noisy = 0.5 + 0.05 * torch.randn(1, 3, 96, 96, generator=torch.Generator().manual_seed(0))
    fit = fit_poisson_gaussian(noisy)[0]
    assert fit.a == 0
    assert fit.b == pytest.approx(0.0025, rel=0.05)


def test_line_fit_survives_textured_bins():
    signals = torch.linspace(0, 1, 16, dtype=torch.float64)
    variances = 0.01 * signals + 0.001
    variances[[3, 9, 12]] *= 4
    even = torch.ones(16)
    fit = fit_line(signals, variances, even)
    assert (fit.a, fit.b) == pytest.approx((0.01, 0.001), rel=0.01)
    assert fit_line(signals, 0.01 - 0.005 * signals, even).a == 0
    assert fit_line(signals, (0.01 * signals - 0.001).clamp_min(1e-5), even).b >= 0
    assert PoissonGaussian(0.01, 0.001).sigma(torch.tensor(0.5)).item() == pytest.approx(0.006**0.5)


def errors(cbsd68_pairs, sigma, change=lambda x: x):
    found = [estimate_sigma(planes(change(noisy))).item() * 255 for _, noisy in cbsd68_pairs]
    return np.sort(np.abs(np.array(found) / sigma - 1))


@pytest.mark.slow
@pytest.mark.parametrize("sigma", [5, 10, 15, 25, 50, 75])
def test_all_of_cbsd68(cbsd68, sigma):
    worst = errors(pairs := cbsd68(68, sigma), sigma)
    assert worst.mean() <= 0.02
    assert worst[-7:].mean() <= 0.05
    if sigma <= 50:
        assert errors(pairs, sigma, as_8_bit).mean() <= 0.05


@pytest.mark.slow
@pytest.mark.parametrize(("a", "b"), [(0.01, 0.0004), (0.002, 0.0001)])
def test_poisson_gaussian_fit_on_all_of_cbsd68(cbsd68, a, b):
    signal = torch.linspace(0.1, 0.9, 9)
    true, off = (a * signal + b).sqrt(), []
    for index, (clean, _) in enumerate(cbsd68(68, 0)):
        noisy = torch.from_numpy(shot_and_read(clean[0].numpy(), a, b, np.random.default_rng(index)))
        found = fit_poisson_gaussian(planes(noisy[None]))[0].sigma(signal)
        off.append((found / true - 1).abs().max().item())
    assert np.mean(off) <= 0.05
    assert np.quantile(off, 0.95) <= 0.15
