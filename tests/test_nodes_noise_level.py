"""Estimate Noise and Variance Stabilise."""

import numpy as np
import pytest
import torch
from realdenoise.imaging.estimation import estimate_sigma
from realdenoise.imaging.level import DenoiseError, Level
from realdenoise.imaging.noise import add_noise
from realdenoise.imaging.noise.poisson_gaussian import shot_and_read
from realdenoise.imaging.sample_photos import load_sample
from realdenoise.models.classical.base import classical
from realdenoise.models.contract import Spec
from realdenoise.nodes.denoise import DenoiseImage
from realdenoise.nodes.noise_level import EstimateNoise, VarianceStabilise


def photograph():
    return load_sample("coffee")[:, 40:200, 40:240]


def test_estimate_on_the_scale_of_sigma_inputs():
    noisy = add_noise(torch.cat([photograph(), photograph()]), "gaussian", 20 / 255, 3)
    sigma, local, view, a, b, report = EstimateNoise().estimate(noisy, "auto", 48)["result"]
    assert sigma == pytest.approx(20, rel=0.05)
    assert local.shape == noisy.shape[:3] and view.shape == noisy.shape
    assert local.median().item() * 255 == pytest.approx(20, rel=0.08)
    assert view.min() >= 0 and view.max() <= 1
    assert (a * 0.5 + b) ** 0.5 * 255 == pytest.approx(20, rel=0.08)
    assert report.count("white noise") == 2 and "lower bound" not in report


def test_correlated_noise_is_reported_as_a_lower_bound():
    noisy = add_noise(photograph(), "camera", 3.2e-3, 3)
    answer = EstimateNoise().estimate(noisy, "auto", 48)
    assert "lower bound" in answer["ui"]["text"][0]
    white = estimate_sigma(noisy.permute(0, 3, 1, 2), "patch_pca").item() * 255
    assert answer["result"][0] > 1.5 * white
    assert EstimateNoise().estimate(noisy, "patch_pca", 48)["result"][0] == pytest.approx(white)


def test_alpha_and_gray():
    rgba = torch.cat([photograph(), torch.ones(1, 160, 200, 1)], dim=-1)
    assert EstimateNoise().estimate(rgba, "mad", 48)["result"][2].shape == (1, 160, 200, 3)
    assert EstimateNoise().estimate(rgba[..., :1], "mad", 48)["result"][1].shape == (1, 160, 200)


def test_estimate_feeds_the_stabilised_denoiser():
    clean = photograph()
    noisy = torch.from_numpy(shot_and_read(clean[0].numpy(), 0.02, 0.0002, np.random.default_rng(0)))[None]
    _, _, _, a, b, _ = EstimateNoise().estimate(noisy, "auto", 48)["result"]
    inner = classical()["wavelet"]
    planes = noisy.permute(0, 3, 1, 2)
    (told,) = VarianceStabilise().make(inner, a, b)
    (measuring,) = VarianceStabilise().make(inner, 0.0, 0.0)
    assert (told.a, told.b) == (a, b) and measuring.a is None
    assert torch.allclose(told(planes), measuring(planes), atol=1e-5)


class Listener:
    """Remembers the sigma it is told."""

    spec = Spec("listener", "Test", conditioning="sigma_map")

    def __call__(self, image, level=Level(), monitor=None):
        self.sigma = level.sigma
        return image


def test_the_map_reaches_the_denoiser_pixel_by_pixel():
    listener, image = Listener(), torch.rand(2, 40, 60, 4)
    mask = torch.rand(2, 40, 60)
    report = DenoiseImage().denoise(listener, image, 0.0, 1.0, sigma_map=mask)["result"][1]
    assert torch.equal(listener.sigma, mask[1:, None])
    assert "sigma map" in report
    DenoiseImage().denoise(listener, image, 51.0, 1.0, sigma_map=mask[:1])
    assert torch.allclose(listener.sigma, 0.2 * mask[:1, None])


def test_maps_that_do_not_fit_are_refused():
    image = torch.rand(2, 40, 60, 3)
    with pytest.raises(DenoiseError, match="one per frame"):
        DenoiseImage().denoise(Listener(), image, 0.0, 1.0, sigma_map=torch.ones(3, 40, 60))
    with pytest.raises(DenoiseError, match="blind"):
        blind = VarianceStabilise().make(Listener(), 0.0, 0.0)[0]
        DenoiseImage().denoise(blind, image, 0.0, 1.0, sigma_map=torch.ones(1, 40, 60))
    with pytest.raises(DenoiseError, match="not a map"):
        DenoiseImage().denoise(classical()["wavelet"], image, 0.0, 1.0, sigma_map=torch.ones(1, 40, 60))
