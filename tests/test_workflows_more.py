"""Workflows beyond the loop: fine control, without training, ensembles, prior, quantisation; run and measured."""

import numpy as np
import pytest
from realdenoise.imaging.files import load_picture
from realdenoise.models.loader import load_denoiser
from test_workflows import decibels


def test_fine_control_saves_sixteen_bits(shown, tmp_path):
    said = shown("fine_control", "Load Denoiser.precision=fp32")
    assert decibels(said)[""] > 33.5 and said["Estimate Noise"].startswith("sigma ")
    (saved,) = tmp_path.rglob("fine_control_*.png")
    image, info = load_picture(saved)
    assert info.bits == 16 and image.shape == (1, 300, 451, 3)
    assert np.abs(np.round(image.numpy() * 255) - image.numpy() * 255).max() > 0.4, "more than 256 levels"


def test_int8_weights_are_saved_and_change_nothing_visible(shown, tmp_path):
    said = shown("quantise_and_save", "Load Denoiser.precision=fp32")
    assert decibels(said)["int8 against full"] > 50
    (saved,) = (tmp_path / "models").glob("*.safetensors")
    assert saved.name == "interpolation_unet_int8.safetensors" and saved.stat().st_size < 6e6
    assert load_denoiser(saved, device="cpu").spec.architecture == "InterpolationUNet"


@pytest.mark.slow
def test_filters_and_a_network_of_the_picture_itself(shown):
    reached = decibels(shown("without_training", "Zero-Shot Denoiser.iterations=100"))
    assert reached["stabilised"] > reached["tuned"] + 0.5 > 28
    assert reached["zero-shot"] > 25


@pytest.mark.slow
def test_eight_opinions_are_better_than_one(shown):
    said = shown("ensembles_and_doubt", "Load Denoiser.precision=fp32")
    reached = decibels(said)
    assert reached["eight times"] > reached["once"] > 32 and reached["with a filter"] > 31.5
    assert "8 flips and turns" in said["Uncertainty Map"]


@pytest.mark.slow
def test_the_mean_of_the_runs_is_closer_than_one_run(shown):
    reached = decibels(shown("denoise_with_prior", "Load Denoiser.precision=fp32"))
    assert reached["mean of the runs"] > reached["one run"] + 0.4 > 28
    assert reached["the walk"] > 29
