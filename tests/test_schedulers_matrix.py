"""Any trained denoiser under any scheduler: what comes out of real noise of sigma 25."""

import pytest
import torch
from realdenoise import load_denoiser
from realdenoise.schedulers import SCHEDULERS
from realdenoise.schedulers.loop import run_loop
from realdenoise.schedulers.posterior import sample_posterior

SIGMA = 25 / 255
SETTINGS = {
    "ddpm": {"steps": 8},
    "ddim": {"steps": 8},
    "interpolation": {"steps": 4},
    "langevin": {"levels": 20, "steps_per_level": 1, "step_size": 0.6},
    "edm": {"points": 6},
    "heat": {"steps": 3},
}
DENOISERS = {
    "interpolation_unet": "interpolation_unet",
    "prior_unet2d": "prior_unet2d",
    "dncnn_color_blind": "data/published/dncnn_color_blind.safetensors",
    "ffdnet_color": "data/published/ffdnet_color.safetensors",
}
GAIN = 3.0
EXCEPTIONS = {
    "heat": (1.5, "the smoothed picture's large structures are kept, with what is left of the noise in them"),
}
"""Schedulers that promise less: how much they gain all the same, and why not more."""


def psnr(clean, image):
    return float(-10 * torch.log10((clean - image.clamp(0, 1)).square().mean()))


@pytest.fixture
def pairs(cbsd68):
    """(clean, noisy) [1,3,64,64] from the middle of two CBSD68 pictures."""
    crops = [[t[:, 100:164, 100:164].permute(0, 3, 1, 2) for t in pair] for pair in cbsd68(2, 25)]
    return [(clean.contiguous(), noisy.contiguous()) for clean, noisy in crops]


@pytest.fixture(params=DENOISERS)
def denoiser(request, shared):
    name = DENOISERS[request.param]
    return load_denoiser(shared / name if "/" in name else name, device="cpu", precision="fp32")


@pytest.mark.parametrize("name", SCHEDULERS)
def test_every_scheduler_denoises_with_every_trained_denoiser(name, denoiser, pairs):
    gains = []
    for clean, noisy in pairs:
        start = SCHEDULERS[name](**SETTINGS[name]).start(noisy, sigma=SIGMA, seed=1)
        final = run_loop(start, denoiser)
        gains.append(psnr(clean, final.scheduler.view(final)[0]) - psnr(clean, noisy))
    assert sum(gains) / len(gains) >= EXCEPTIONS.get(name, (GAIN, ""))[0]


def test_the_mean_of_stochastic_runs_is_better_than_one(denoiser, pairs):
    """The average of posterior samples estimates the posterior mean, which has the highest PSNR."""
    clean, noisy = pairs[0]
    start = SCHEDULERS["ddpm"](steps=6).start(noisy, sigma=SIGMA, seed=1)
    drawn = sample_posterior(start, denoiser, 4)
    assert psnr(clean, drawn.mean) >= psnr(clean, drawn.one) + 0.3
