"""Published weights load, and reach the numbers they were published with."""

from pathlib import Path

import numpy as np
import pytest
import torch
from realdenoise.imaging.level import Level
from realdenoise.imaging.metrics import psnr
from realdenoise.models.loader import load_denoiser

FEW = 1
FEW_PICTURES = {
    ("dncnn_color_blind", 25): 28.253,
    ("dncnn_color_sigma25", 25): 28.294,
    ("ffdnet_color", 25): 28.153,
}
"""dB on the first FEW pictures of CBSD68, measured in the runs that gave the means below."""

ALL_PICTURES = {
    ("dncnn_color_blind", 15): 33.88,
    ("dncnn_color_blind", 25): 31.22,
    ("dncnn_color_blind", 50): 27.92,
    ("dncnn_color_sigma25", 25): 31.30,
    ("ffdnet_color", 15): 33.86,
    ("ffdnet_color", 25): 31.20,
    ("ffdnet_color", 50): 27.95,
    ("interpolation_unet", 15): 33.69,
    ("interpolation_unet", 25): 31.02,
    ("interpolation_unet", 50): 27.75,
}
"""Mean PSNR over CBSD68, published or measured with the authors' code."""


def weights(shared: Path, name: str) -> Path | str:
    file = shared / f"data/published/{name}.safetensors"
    return file if file.is_file() else name


def mean_psnr(denoiser, pairs, sigma: float) -> float:
    scores = []
    for clean, noisy in pairs:
        result = denoiser(noisy.permute(0, 3, 1, 2), Level(sigma / 255)).permute(0, 2, 3, 1)
        scores.append(psnr(clean, (result.clamp(0, 1) * 255).round() / 255).item())
    return float(np.mean(scores))


@pytest.mark.parametrize(("name", "sigma"), FEW_PICTURES)
def test_few_pictures(shared, cbsd68, name, sigma):
    denoiser = load_denoiser(weights(shared, name), device="cpu", precision="fp32")
    assert mean_psnr(denoiser, cbsd68(FEW, sigma), sigma) == pytest.approx(FEW_PICTURES[name, sigma], abs=0.02)


@pytest.mark.slow
@pytest.mark.parametrize(("name", "sigma"), ALL_PICTURES)
def test_all_of_cbsd68(shared, cbsd68, name, sigma):
    denoiser = load_denoiser(weights(shared, name), device="cpu", precision="fp32")
    assert mean_psnr(denoiser, cbsd68(68, sigma), sigma) == pytest.approx(ALL_PICTURES[name, sigma], abs=0.05)


@pytest.mark.slow
@pytest.mark.parametrize(("name", "published"), [("dncnn_gray_sigma25", 30.44), ("dncnn_gray_sigma25_bn", 30.43)])
def test_gray_weights_on_set12(shared, set12, name, published):
    denoiser = load_denoiser(weights(shared, name), device="cpu", precision="fp32")
    assert mean_psnr(denoiser, set12(25), 25) == pytest.approx(published, abs=0.05)


@pytest.mark.parametrize(("name", "measured"), [("dncnn_gray_sigma25", 31.660), ("dncnn_gray_sigma25_bn", 31.596)])
def test_gray_weights_on_two_small_pictures(shared, set12, name, measured):
    denoiser = load_denoiser(weights(shared, name), device="cpu", precision="fp32")
    assert mean_psnr(denoiser, set12(25)[:2], 25) == pytest.approx(measured, abs=0.02)


def test_ffdnet_with_a_constant_map_equals_ffdnet_with_the_number(shared, cbsd68):
    denoiser = load_denoiser(weights(shared, "ffdnet_color"), device="cpu", precision="fp32")
    noisy = cbsd68(1, 25)[0][1].permute(0, 3, 1, 2)[..., :151, :203]
    constant = torch.full_like(noisy[:, :1], 25 / 255)
    assert (denoiser(noisy, Level(constant)) - denoiser(noisy, Level(25 / 255))).abs().max() < 1e-5


def test_ffdnet_told_a_map_beats_every_single_number_by_more_than_a_decibel(shared, cbsd68):
    """Noise that grows from sigma 5 at the left to 65 at the right of two pictures."""
    denoiser = load_denoiser(weights(shared, "ffdnet_color"), device="cpu", precision="fp32")
    gains = []
    for index, (clean, _) in enumerate(cbsd68(2, 0)):
        clean = clean[:, 32:192, 32:192]
        sigma = torch.linspace(5 / 255, 65 / 255, clean.shape[2]).expand(1, 1, *clean.shape[1:3])
        noise = torch.randn(clean.shape, generator=torch.Generator().manual_seed(index))
        noisy = (clean + sigma[:, 0, ..., None] * noise).permute(0, 3, 1, 2)

        def decibels(level, noisy=noisy, clean=clean):
            return psnr(clean, denoiser(noisy, Level(level)).clamp(0, 1).permute(0, 2, 3, 1)).item()

        gains.append(decibels(sigma) - max(decibels(level / 255) for level in (35, 45, 55, 65)))
    assert np.mean(gains) > 1.5 and min(gains) > 1
