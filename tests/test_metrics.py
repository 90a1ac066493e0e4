"""Metrics against scikit-image and pytorch-msssim, and against values known by hand."""

import math

import numpy as np
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from realdenoise.imaging.metrics import mae, ms_ssim, psnr, ssim

PEER = {"data_range": 1, "channel_axis": 2, "gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False}


def pair(batch, height, width, channels, noise=0.1, base=0.5, seed=0):
    """A picture with edges, gradients and a flat part, and its noisy copy."""
    random = torch.Generator().manual_seed(seed)
    rows, columns = torch.linspace(0, 1, height)[:, None, None], torch.linspace(0, 1, width)[None, :, None]
    stripes = ((12 * rows + 7 * columns).floor() % 2) * (columns > 0.4)
    clean = (base * (0.5 + rows * columns) + 0.3 * stripes).clamp(0, 1).expand(batch, height, width, channels)
    return clean, clean + noise * torch.randn(clean.shape, generator=random)


@settings(max_examples=12, deadline=None)
@given(st.integers(11, 60), st.integers(11, 60), st.sampled_from([1, 3]), st.floats(0.001, 0.5))
def test_psnr_and_ssim_equal_scikit_image(height, width, channels, noise):
    metrics = pytest.importorskip("skimage.metrics")
    clean, noisy = pair(2, height, width, channels, noise)
    for index in range(2):
        a, b = clean[index].double().numpy(), noisy[index].double().numpy()
        assert psnr(clean, noisy)[index] == pytest.approx(metrics.peak_signal_noise_ratio(a, b, data_range=1), abs=1e-4)
        assert ssim(clean, noisy)[index] == pytest.approx(metrics.structural_similarity(a, b, **PEER), abs=1e-4)


FLAT = torch.full((1, 64, 64, 3), 0.97)
SSIM_PAIRS = {
    **{f"{size}": pair(1, *size, 3) for size in [(11, 11), (11, 64), (43, 345), (130, 701)]},  # smallest; several tiles
    "far beyond white": [500 + 0.02 * torch.rand(1, 24, 24, 3, generator=torch.manual_seed(seed)) for seed in (0, 1)],
    "flat and bright": (FLAT, FLAT + 0.002 * torch.randn(FLAT.shape, generator=torch.manual_seed(1))),
}


@pytest.mark.parametrize("name", SSIM_PAIRS)
def test_ssim_keeps_its_digits(name):
    clean, noisy = SSIM_PAIRS[name]
    metrics = pytest.importorskip("skimage.metrics")
    expected = metrics.structural_similarity(clean[0].double().numpy(), noisy[0].double().numpy(), **PEER)
    assert ssim(clean, noisy).item() == pytest.approx(expected, abs=1e-6 if name == "far beyond white" else 2e-5)


@settings(max_examples=8, deadline=None)
@given(st.integers(161, 230), st.integers(161, 230), st.sampled_from([1, 3]), st.floats(0.003, 0.6), st.booleans())
@example(161, 163, 3, 0.1, False)
@example(192, 256, 1, 0.1, False)
@example(177, 208, 3, 0.1, False)
def test_ms_ssim_equals_pytorch_msssim(height, width, channels, noise, inverted):
    peer = pytest.importorskip("pytorch_msssim")
    clean, noisy = pair(2, height, width, channels, noise)
    noisy = 1 - noisy if inverted else noisy  # negative structure counts as 0 in both
    first, second = (t.permute(0, 3, 1, 2).double() for t in (clean, noisy))
    expected = peer.ms_ssim(first, second, data_range=1, size_average=False)
    assert torch.allclose(ms_ssim(clean, noisy), expected, atol=1e-4)


def test_equal_pictures():
    clean, _ = pair(2, 170, 170, 3)
    assert psnr(clean, clean).tolist() == [math.inf, math.inf]
    assert mae(clean, clean).tolist() == [0, 0]
    assert ssim(clean, clean).tolist() == [1, 1]
    assert ms_ssim(clean, clean).tolist() == [1, 1]


def test_values_known_by_hand():
    clean = torch.zeros(2, 3, 5, 3)
    other = torch.stack([torch.full((3, 5, 3), 0.1), torch.full((3, 5, 3), 0.5)])
    assert torch.allclose(psnr(clean, other), torch.tensor([20, 20 * math.log10(2)], dtype=torch.float64), atol=1e-6)
    assert torch.allclose(mae(clean, other), torch.tensor([0.1, 0.5], dtype=torch.float64), atol=1e-8)
    flat = torch.zeros(1, 11, 11, 1), torch.full((1, 11, 11, 1), 0.5)
    assert ssim(*flat).item() == pytest.approx(1e-4 / (0.25 + 1e-4), rel=1e-4)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_other_float_types(dtype):
    clean, noisy = (t.to(dtype) for t in pair(1, 32, 32, 3))
    assert ssim(clean, noisy).item() == pytest.approx(ssim(clean.double(), noisy.double()).item(), abs=1e-5)
    assert psnr(clean, noisy).item() == pytest.approx(psnr(clean.double(), noisy.double()).item(), abs=1e-9)


def test_each_picture_of_a_batch_is_measured_alone():
    clean, noisy = pair(3, 170, 180, 3)
    for metric in (psnr, mae, ssim, ms_ssim):
        alone = torch.cat([metric(clean[k : k + 1], noisy[k : k + 1]) for k in range(3)])
        assert torch.allclose(metric(clean, noisy), alone, atol=1e-12)
        assert len(np.unique(alone.numpy())) == 3


@pytest.mark.parametrize(
    ("metric", "first", "second", "problem"),
    [
        (psnr, (1, 4, 4, 3), (1, 4, 5, 3), "same size"),
        (mae, (1, 4, 4, 3), (2, 4, 4, 3), "same size"),
        (psnr, (0, 4, 4, 3), (0, 4, 4, 3), "non-empty"),
        (ssim, (1, 10, 40, 3), (1, 10, 40, 3), "11x11"),
        (ms_ssim, (1, 160, 400, 3), (1, 160, 400, 3), "160x160"),
    ],
)
def test_what_cannot_be_compared_is_said(metric, first, second, problem):
    with pytest.raises(ValueError, match=problem):
        metric(torch.zeros(first), torch.zeros(second))
