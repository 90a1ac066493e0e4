"""Train Denoiser and Save Denoiser: what they give, write and refuse."""

from pathlib import Path

import node_calls
import pytest
import torch
from realdenoise import host
from realdenoise.imaging.level import DenoiseError
from realdenoise.models.loader import load_denoiser
from realdenoise.monitor import Monitor
from realdenoise.nodes.training import ADAPTER, WHOLE
from realdenoise.training.in_memory import Lesson, new_student, noise_range
from realdenoise.training.run import metadata
from realdenoise.training.trainer import Progress, Trained
from safetensors import safe_open
from safetensors.torch import save_file
from skimage import data

TRAIN, SAVE, LOAD = "RealDenoiseTrainDenoiser", "RealDenoiseSaveDenoiser", "RealDenoiseLoadDenoiser"
QUICK = {"minutes": 0.0, "steps": 40, "learning_rate": 3e-3, "crop": 32}


@pytest.fixture
def models(tmp_path, monkeypatch):
    monkeypatch.setenv("REALDENOISE_MODELS", str(tmp_path / "models"))
    (tmp_path / "models").mkdir()
    return tmp_path / "models"


@pytest.fixture(scope="module")
def clean():
    return torch.from_numpy(data.chelsea()[None, 60:188, 100:228].astype("float32") / 255)


@pytest.fixture
def tiny(tmp_path):
    """A small DnCNN of random weights, as loaded from a file."""
    student = new_student("DnCNN", 0, {"depth": 4, "width": 12})
    recipe = Lesson("tiny", noise_range("gaussian", 5, 50), steps=1).recipe("DnCNN", "regression")
    words = metadata(recipe, Trained({}, student.spec, Progress(), True))
    save_file(student.network.state_dict(), tmp_path / "tiny.safetensors", words | {"license": "for research"})
    return load_denoiser(tmp_path / "tiny.safetensors", device="cpu", precision="fp32")


def call(node_id, image=None, **changes):
    with torch.inference_mode():  # as ComfyUI does
        return node_calls.call(node_id, image, **changes)


def test_fine_tuning_gives_a_better_denoiser_a_chart_and_a_file(models, clean, tiny):
    before = {key: value.clone() for key, value in tiny.network.state_dict().items()}
    denoiser, chart, report = call(TRAIN, clean, denoiser=tiny, save_as="cats", **QUICK)
    assert all(torch.equal(before[key], value) for key, value in tiny.network.state_dict().items())
    assert chart.shape == (1, 720, 960, 3) and denoiser.spec.name == "cats"
    file = models / "cats.safetensors"
    assert str(file) in report and "40 steps" in report and "(+" in report
    image = clean.permute(0, 3, 1, 2)
    again = load_denoiser(file, device="cpu", precision="fp32")
    assert torch.allclose(denoiser(image), again(image), atol=3e-3)
    noisy = image + 25 / 255 * torch.randn(image.shape, generator=torch.manual_seed(0))
    mse = [float((d(noisy) - image).square().mean()) for d in (tiny, denoiser)]
    assert mse[1] < 0.9 * mse[0]
    assert again.spec.card["license"] == "for research" and again.spec.card["started from"] == "tiny"
    assert "cats_2.safetensors" in call(TRAIN, clean, denoiser=denoiser, save_as="cats", **QUICK | {"steps": 2})[2]


def test_an_adapter_from_pairs_can_be_loaded_by_its_strength(models, clean, tiny):
    noisy = clean + 0.15 * torch.randn(clean.shape, generator=torch.manual_seed(0))
    call(SAVE, denoiser=tiny, name="base", weights="fp32")
    denoiser, _, report = call(TRAIN, clean, noisy=noisy, train=ADAPTER, denoiser=tiny, save_as="fur", **QUICK)
    assert "fur_lora.safetensors" in report and (models / "fur_lora.safetensors").stat().st_size < 50_000
    shown = node_calls.choices(node_calls.inputs(LOAD)["denoiser"])
    assert "base.safetensors" in shown and "fur_lora.safetensors" not in shown
    image = clean.permute(0, 3, 1, 2)
    loaded = {
        strength: call(
            LOAD,
            denoiser="base.safetensors",
            precision="fp32",
            adapter="fur_lora.safetensors",
            adapter_strength=strength,
        )[0](image)
        for strength in (0.0, 1.0)
    }
    assert torch.equal(loaded[0.0], tiny(image))
    assert torch.allclose(loaded[1.0], denoiser(image), atol=3e-3)
    assert (loaded[1.0] - loaded[0.0]).abs().max() > 0.02


def test_a_new_network_needs_no_denoiser(models, clean):
    quick = QUICK | {"steps": 1, "batch": 1}
    for train, architecture in (("new DnCNN", "DnCNN"), ("new InterpolationUNet", "InterpolationUNet")):
        denoiser, _, _ = call(TRAIN, clean, train=train, save_as="new", **quick)
        assert denoiser.spec.architecture == architecture


class CancelledError(Exception):
    pass


@pytest.mark.parametrize(("at", "saved"), [(0, []), (27, ["stopped.safetensors"])])
def test_cancelling_saves_the_best_so_far_and_goes_on_its_way(models, clean, tiny, monkeypatch, at, saved):
    steps = []

    def check():
        steps.append(1)
        if len(steps) > at:
            raise CancelledError

    monkeypatch.setattr(host, "monitor", lambda node_id=None: Monitor(check_cancel=check))
    with pytest.raises(CancelledError):
        call(TRAIN, clean, denoiser=tiny, save_as="stopped", **QUICK)
    assert [path.name for path in models.iterdir()] == saved
    assert all(load_denoiser(models / name, device="cpu").spec.name == "stopped" for name in saved)


def test_progress_is_told_while_it_runs(models, clean, tiny, monkeypatch):
    told = []
    monkeypatch.setattr(host, "send_text", lambda text, node_id: told.append((text, node_id)))
    call(TRAIN, clean, denoiser=tiny, unique_id="7", **QUICK)
    assert [text.split(" ·")[0] for text, _ in told] == ["step 20", "step 40"]
    assert all("PSNR" in text and node_id == "7" for text, node_id in told)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"train": WHOLE}, "nothing is connected"),
        ({"train": ADAPTER}, "nothing is connected"),
        ({"denoiser": node_calls.Darker()}, "no weights to train"),
        ({"train": "a miracle"}, "choose one of"),
        ({"train": "new DnCNN", "minutes": 0.0}, "has no length"),
        ({"train": "new DnCNN", "noise_low": 60.0}, "the noise range is 60 to 50"),
        ({"train": "new DnCNN", "save_as": "../evil"}, "cannot be a file name"),
        ({"train": "new DnCNN", "crop": 256}, "smaller than the crop"),
        ({"train": "new DnCNN", "noisy": torch.rand(2, 9, 9, 3)}, "same order"),
    ],
)
def test_what_cannot_be_trained_says_so(models, clean, changes, words):
    with pytest.raises(ValueError, match=words):
        call(TRAIN, clean, **changes)
    assert list(models.iterdir()) == []


# -------------------------------------------------------------------------------------------------------- Save Denoiser


def test_saving_never_replaces_a_file_unasked(models, tiny):
    paths = [call(SAVE, denoiser=tiny, name="x")[0] for _ in range(2)]
    assert [Path(path).name for path in paths] == ["x.safetensors", "x_2.safetensors"]
    (models / "x.safetensors").write_bytes(b"old")
    assert call(SAVE, denoiser=tiny, name="x.safetensors", overwrite=True) == (str(models / "x.safetensors"),)
    assert load_denoiser(models / "x.safetensors", device="cpu").spec.card["license"] == "for research"
    assert sorted(path.name for path in models.iterdir()) == ["x.safetensors", "x_2.safetensors"]


@pytest.mark.parametrize("weights", ["fp16", "fp32"])
def test_a_saved_denoiser_is_the_same(models, tiny, clean, weights):
    (path,) = call(SAVE, denoiser=tiny, name="same", weights=weights)
    image = clean.permute(0, 3, 1, 2)
    again = load_denoiser(path, device="cpu", precision="fp32")(image)
    assert torch.allclose(again, tiny(image), atol=0 if weights == "fp32" else 2e-3)
    with safe_open(path, "pt") as file:
        kinds = {str(file.get_tensor(key).dtype) for key in file.keys()}  # noqa: SIM118
    assert kinds == {"torch.float16" if weights == "fp16" else "torch.float32"}


def test_a_quantised_denoiser_stays_quantised(models, tiny, clean):
    small, _ = node_calls.call("RealDenoiseQuantiseDenoiser", None, denoiser=tiny, limit=9.0, clean=clean)
    (path,) = call(SAVE, denoiser=small, name="small")
    image = clean.permute(0, 3, 1, 2)
    assert torch.allclose(load_denoiser(path, device="cpu", precision="fp32")(image), small(image), atol=1e-6)


@pytest.mark.parametrize("name", ["", "../x", "a/b", "a\\b", ".hidden", "/x", "C:x"])
def test_names_that_leave_the_folder_are_refused(models, tiny, name):
    for overwrite in (False, True):
        with pytest.raises(DenoiseError, match="cannot be a file name"):
            call(SAVE, denoiser=tiny, name=name, overwrite=overwrite)
    assert list(models.iterdir()) == []


def test_only_networks_can_be_saved(models):
    with pytest.raises(DenoiseError, match="no weights to save"):
        call(SAVE, denoiser=node_calls.Darker())
