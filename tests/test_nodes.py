"""The main nodes: what comes out, what is said, what is refused."""

import json
import math

import pytest
import realdenoise
import torch
from realdenoise import host
from realdenoise.imaging.level import DenoiseError, Level
from realdenoise.imaging.sample_photos import ALL, CREDITS, FOLDER
from realdenoise.models.contract import Spec
from realdenoise.nodes.compare import Compare
from realdenoise.nodes.denoise import DenoiseImage
from realdenoise.nodes.loader import LoadDenoiser
from realdenoise.nodes.meter import PSNRMeter
from realdenoise.nodes.noise import AddNoise
from realdenoise.nodes.sampler import RealWorldInterpolationSampler
from realdenoise.nodes.samples import SamplePhoto

ADD = {"seed": 3, "first_frame": 0, "clip": False}
SAMPLE = {"method": "improved", "start_alpha": 1.0, "sigma": 0.0, "trajectory": "first and last"}


class Told:
    """Remembers the sigma it is told and returns a gray picture."""

    def __init__(self, conditioning="sigma"):
        self.spec = Spec("told", "Told", conditioning=conditioning)
        self.levels = []

    def __call__(self, image, level=Level(), monitor=None):
        self.levels.append(level)
        return torch.full_like(image, 0.5)


@pytest.fixture(scope="module")
def flagship():
    return LoadDenoiser().load("interpolation_unet", "fp32", "auto", 0)["result"][0]


def test_load_denoiser_hands_out_the_card(flagship):
    answer = LoadDenoiser().load("interpolation_unet", "fp32", "cpu", 128)
    denoiser, card = answer["result"]
    assert denoiser.spec.architecture == "InterpolationUNet" and denoiser.tile == 128
    (shown,) = answer["ui"]["text"]
    assert card.startswith("interpolation_unet · ") and "Weak at" in card and "BSDS500" in card
    assert shown.startswith("interpolation_unet · ") and "PSNR: CBSD68" in shown and "non-commercial" in shown


def test_load_denoiser_refuses_what_is_not_listed():
    with pytest.raises(DenoiseError, match="not installed"):
        LoadDenoiser().load("../../secret.pth", "auto", "auto", 0)
    assert LoadDenoiser.IS_CHANGED("missing") != LoadDenoiser.IS_CHANGED("interpolation_unet")


def test_load_denoiser_runs_again_when_its_file_or_adapter_has_changed_and_only_then(tmp_path, monkeypatch):
    monkeypatch.setenv(host.MODELS_VARIABLE, str(tmp_path))
    mine, adapter = tmp_path / "mine.safetensors", tmp_path / "mine_lora.safetensors"
    mine.write_bytes(b"1"), adapter.write_bytes(b"1")
    before = LoadDenoiser.IS_CHANGED(mine.name, adapter=adapter.name)
    assert LoadDenoiser.IS_CHANGED(mine.name, adapter=adapter.name) == before
    adapter.write_bytes(b"12")
    assert LoadDenoiser.IS_CHANGED(mine.name, adapter=adapter.name) != before
    unknown, again = LoadDenoiser.IS_CHANGED(None), LoadDenoiser.IS_CHANGED(None)  # a link: nobody knows which file
    assert math.isnan(unknown) and {unknown} != {again}, "ComfyUI's cache compares sets"


def test_gaussian_noise_has_the_asked_deviation_on_the_255_scale():
    clean = torch.full((1, 128, 128, 3), 0.5)
    noisy, noise, report = AddNoise().add(clean, "gaussian", 25.0, **ADD)["result"]
    assert float((noisy - clean).std()) * 255 == pytest.approx(25, rel=0.02)
    assert torch.allclose(noise, (noisy - clean + 0.5).clamp(0, 1)) and "25" in report


def test_frames_are_the_same_alone_and_in_a_batch():
    clean = torch.rand(3, 16, 16, 3)
    batch = AddNoise().add(clean, "gaussian", 25.0, **ADD)["result"][0]
    alone = AddNoise().add(clean[2:], "gaussian", 25.0, seed=3, first_frame=2, clip=False)["result"][0]
    assert torch.equal(batch[2:], alone)


@pytest.mark.parametrize(("kind", "amount"), [("gaussian", 300.0), ("salt_and_pepper", 150.0), ("jpeg", 0.0)])
def test_amounts_outside_a_kinds_own_range_are_named(kind, amount):
    with pytest.raises(DenoiseError, match="takes"):
        AddNoise().add(torch.rand(1, 8, 8, 3), kind, amount, **ADD)


def test_clip_keeps_the_picture_in_range():
    clean = torch.ones(1, 16, 16, 3)
    assert AddNoise().add(clean, "gaussian", 50.0, seed=0, first_frame=0, clip=True)["result"][0].max() == 1
    assert AddNoise().add(clean, "gaussian", 50.0, seed=0, first_frame=0, clip=False)["result"][0].max() > 1


def test_denoise_image_is_the_python_function(flagship):
    noisy, clean, _ = SamplePhoto().open("cat", 6400)["result"]
    part = slice(100, 196)
    noisy, clean = noisy[:, part, part], clean[:, part, part]
    result, report = DenoiseImage().denoise(flagship, noisy, 0.0, 1.0)["result"]
    assert torch.equal(result, realdenoise.denoise(noisy, flagship))
    assert float(realdenoise.psnr(clean, result)) > float(realdenoise.psnr(clean, noisy)) + 5.7
    assert "blind" in report and "96×96" in report and "float32" in report
    assert "sigma 50 not used, as it is blind" in DenoiseImage().denoise(flagship, noisy, 50.0, 1.0)["result"][1]


def test_sigma_is_told_on_the_unit_scale_or_measured():
    noisy = 0.5 + 0.1 * torch.randn(1, 96, 96, 3, generator=torch.manual_seed(0))
    told = Told()
    DenoiseImage().denoise(told, noisy, 51.0, 1.0)
    _, report = DenoiseImage().denoise(told, noisy, 0.0, 1.0)["result"]
    assert float(torch.as_tensor(told.levels[0].sigma).flatten()[0]) == pytest.approx(0.2)
    assert float(told.levels[1].sigma.flatten()[0]) == pytest.approx(0.1, rel=0.05)
    assert "measured" in report


@pytest.mark.parametrize("sigma", [-1.0, math.nan, math.inf])
def test_impossible_sigmas_are_refused(sigma):
    with pytest.raises(DenoiseError, match="sigma"):
        DenoiseImage().denoise(Told(), torch.rand(1, 8, 8, 3), sigma, 1.0)


def test_something_else_than_a_denoiser_is_refused():
    with pytest.raises(TypeError, match="Load Denoiser"):
        DenoiseImage().denoise("model.pth", torch.rand(1, 8, 8, 3), 0.0, 1.0)


def test_one_step_of_the_sampler_is_denoise_image(flagship):
    noisy = torch.rand(1, 24, 24, 3, generator=torch.manual_seed(0))
    once = DenoiseImage().denoise(flagship, noisy, 0.0, 1.0)["result"][0]
    assert torch.equal(RealWorldInterpolationSampler().sample(flagship, noisy, 1, **SAMPLE)["result"][0], once)


def test_the_trajectory_begins_with_the_input_and_ends_with_the_result():
    image = torch.rand(2, 6, 5, 4)
    settings = {**SAMPLE, "trajectory": "every step"}
    result, way, _ = RealWorldInterpolationSampler().sample(Told("none"), image, 4, **settings)["result"]
    assert way.shape == (10, 6, 5, 3)
    for frame in range(2):
        assert torch.equal(way[5 * frame], image[frame, ..., :3])
        assert torch.equal(way[5 * frame + 4], result[frame, ..., :3])
    assert torch.allclose(way[1], 0.75 * image[0, ..., :3] + 0.25 * 0.5, atol=1e-6)
    short = RealWorldInterpolationSampler().sample(Told("none"), image, 4, **SAMPLE)["result"][1]
    assert torch.equal(short, way[[0, 4, 5, 9]])


def test_meter_measures_each_picture_and_the_mean():
    reference = torch.full((1, 16, 16, 3), 0.5)
    images = torch.cat([reference + 0.1, reference + 0.01])
    answer = PSNRMeter().measure(reference, images)
    decibels, similarity, report = answer["result"][:3]
    assert decibels == pytest.approx(30, abs=1e-3) and 0.9 < similarity < 1
    assert "20.00 dB" in report and "40.00 dB" in report and report.startswith("mean  30.00 dB")


def test_meter_says_identical_and_shows_only_finite_numbers():
    image = torch.rand(2, 16, 16, 3)
    answer = PSNRMeter().measure(image, image)
    assert math.isinf(answer["result"][0]) and "identical" in answer["result"][2]
    mixed = PSNRMeter().measure(image, torch.stack([image[0], image[1] * 0.9]))
    assert math.isfinite(mixed["result"][0]) and "identical" in mixed["result"][2]
    for shown in (answer, mixed):
        json.dumps(shown["ui"], allow_nan=False)


def test_meter_measures_small_pictures_without_ssim():
    decibels, similarity, report = PSNRMeter().measure(torch.zeros(1, 4, 4, 3), torch.ones(1, 4, 4, 3))["result"][:3]
    assert decibels == 0 and math.isnan(similarity) and "11×11" in report


def test_meter_ignores_alpha_and_repeats_gray():
    colour = torch.rand(1, 12, 12, 1).expand(1, 12, 12, 3)
    transparent = torch.cat([colour, torch.rand(1, 12, 12, 1)], dim=-1)
    assert math.isinf(PSNRMeter().measure(colour[..., :1], transparent)["result"][0])


def test_meter_refuses_different_sizes():
    with pytest.raises(ValueError, match="same size"):
        PSNRMeter().measure(torch.rand(1, 12, 12, 3), torch.rand(1, 12, 13, 3))


def test_every_sample_is_credited_and_noisy_by_the_same_amount_each_time():
    assert {path.stem for path in FOLDER.glob("*.png")} == set(CREDITS)
    first, clean, credit = SamplePhoto().open("rocket", 6400)["result"]
    second = SamplePhoto().open("rocket", 6400)["result"][0]
    assert torch.equal(first, second) and "SpaceX" in credit
    assert 20 < float(realdenoise.psnr(clean, first)) < 30
    assert torch.equal(*SamplePhoto().open("rocket", 0)["result"][:2])
    batch = SamplePhoto().open(ALL, 0)["result"]
    assert batch[1].shape == (4, 300, 300, 3) and "NASA" in batch[2]


def test_compare_hands_out_both_pictures_side_by_side():
    before, after = torch.zeros(1, 4, 6, 3), torch.ones(2, 4, 6, 3)
    both, _ = Compare().compare(before, after)["result"]
    assert both.shape == (2, 4, 12, 3) and both[:, :, :6].max() == 0 and both[:, :, 6:].min() == 1
    with pytest.raises(DenoiseError, match="same size"):
        Compare().compare(before, torch.ones(1, 5, 6, 3))
