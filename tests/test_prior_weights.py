"""The diffusion prior in the box: denoises at any noise level, generates patches, follows its classes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from realdenoise.imaging.level import Level
from realdenoise.imaging.spectrum import radial_power
from realdenoise.models.contract import Denoiser
from realdenoise.models.guidance import ConditionedDenoiser
from realdenoise.models.loader import WEIGHTS, load_denoiser
from realdenoise.models.prior_labels import LABELS, label
from realdenoise.schedulers import DDIMScheduler, EDMScheduler
from realdenoise.schedulers.base import Scheduler
from realdenoise.schedulers.loop import run_loop
from realdenoise.schedulers.posterior import denoise_with_prior
from skimage import data


@pytest.fixture(scope="module")
def prior() -> Denoiser:
    return load_denoiser("prior_unet2d", device="cpu", precision="fp32")


@pytest.fixture(scope="module")
def photograph() -> torch.Tensor:
    """[1,3,128,128] of scikit-image's cat: neither the data nor the kind of picture the prior was trained on."""
    pixels = data.chelsea()[60:188, 100:228].astype(np.float32) / 255
    return torch.from_numpy(pixels).permute(2, 0, 1)[None]


def noised(clean: torch.Tensor, sigma: float, seed: int = 0) -> torch.Tensor:
    return clean + sigma * torch.randn(clean.shape, generator=torch.Generator().manual_seed(seed))


def decibels(clean: torch.Tensor, estimate: torch.Tensor) -> float:
    return float(-10 * (estimate.clamp(0, 1) - clean).square().mean().log10())


@pytest.mark.parametrize(("sigma", "gain"), [(10, 4.0), (25, 8.0), (50, 10.5), (75, 12.0)])
def test_prior_denoises_at_any_sigma(prior: Denoiser, photograph: torch.Tensor, sigma: float, gain: float) -> None:
    noisy = noised(photograph, sigma / 255)
    clean = prior(noisy, Level(sigma=sigma / 255))
    assert decibels(photograph, clean) > 20 * np.log10(255 / sigma) + gain


def test_prior_on_a_test_picture(prior: Denoiser, cbsd68: Callable) -> None:
    clean, noisy = (t.permute(0, 3, 1, 2) for t in cbsd68(2, 25)[1])
    assert decibels(clean, prior(noisy, Level(sigma=25 / 255))) > 30.5


def test_mean_of_runs_beats_one_run(prior: Denoiser, photograph: torch.Tensor) -> None:
    clean = photograph[..., :64, :64]
    drawn = denoise_with_prior(noised(clean, 25 / 255), prior, 25 / 255, runs=8, steps=10)
    assert decibels(clean, drawn.mean) > decibels(clean, drawn.one) + 0.3
    error = (drawn.mean - clean).abs()
    uncertain = drawn.spread > drawn.spread.median()
    assert error[uncertain].mean() > 1.1 * error[~uncertain].mean()  # the spread knows where the errors are


def test_prior_is_small_and_says_what_it_is(prior: Denoiser) -> None:
    assert (WEIGHTS / "prior_unet2d.safetensors").stat().st_size <= 8e6
    assert prior.spec.classes == len(LABELS) and prior.spec.unconditional
    assert prior.spec.card["classes"].split("; ") == list(LABELS)
    assert prior.spec.prediction == "v_prediction" and prior.spec.multiple == 8


def generate(prior: Denoiser, labels: list[int], scheduler: Scheduler, scale: float = 1.0) -> torch.Tensor:
    """[B,3,64,64] in [0,1], sorted by label; patch k is drawn from frame k of the seed."""
    patches: list[torch.Tensor] = []
    for number in range(8):
        count, first = labels.count(number), sum(label < number for label in labels)
        if count:
            state = scheduler.start_from_noise((count, 3, 64, 64), first_frame=first)
            end = run_loop(state, ConditionedDenoiser(prior, number, None, scale))
            patches.append(end.scheduler.view(end)[0].clamp(0, 1))
    return torch.cat(patches)


@pytest.fixture
def training_patches(shared: Path) -> torch.Tensor:
    """[4000,3,64,64] cut at random from what the prior was trained on."""
    random, side, cut = np.random.default_rng(0), 64, []
    files = sorted((shared / "data/train/bsd400").iterdir())
    pictures = [np.asarray(Image.open(path).convert("RGB")) for path in files]
    for _ in range(4000):
        picture = pictures[random.integers(len(pictures))]
        top, left = (random.integers(length - side + 1) for length in picture.shape[:2])
        cut.append(picture[top : top + side, left : left + side])
    return torch.from_numpy(np.stack(cut)).permute(0, 3, 1, 2).float() / 255


@pytest.mark.slow
def test_generated_patches_have_the_spectrum_of_the_training_patches(
    prior: Denoiser, training_patches: torch.Tensor
) -> None:
    """64 real patches differ from 4,000 by 1.4 dB (median) to 2.7 dB (95 %) in their worst frequency."""
    shares = torch.bincount(label(training_patches), minlength=8).double()
    labels = np.random.default_rng(1).choice(8, 64, p=(shares / shares.sum()).numpy()).tolist()
    made = generate(prior, labels, EDMScheduler(14))
    assert made.shape[0] == 64 and made.std(0).mean() > 0.15, "64 patches that differ"
    assert (10 * torch.log10(radial_power(made) / radial_power(training_patches))).abs().max() < 3


@pytest.mark.slow
def test_guidance_brings_more_samples_into_the_class(prior: Denoiser) -> None:
    """Without the label an eighth would be there by chance."""
    labels = sorted(2 * list(range(8)))
    shares = []
    for scale in (0, 1, 3):
        hits = label(generate(prior, labels, DDIMScheduler(15), scale)) == torch.tensor(labels)
        shares.append(float(hits.float().mean()))
    assert shares[0] < 0.4 < shares[1] < shares[2], shares


@pytest.mark.slow
def test_one_call_on_every_fourth_test_picture(prior: Denoiser, cbsd68: Callable) -> None:
    pairs = [[t.permute(0, 3, 1, 2) for t in pair] for pair in cbsd68(68, 25)[::4]]
    assert np.mean([decibels(clean, prior(noisy, Level(sigma=25 / 255))) for clean, noisy in pairs]) >= 29.0
