"""Weights stored in fewer bits can be trained and adapted, and what comes out tells its own story."""

import pytest
import torch
from realdenoise.models.card import card_text
from realdenoise.models.contract import Spec
from realdenoise.models.loader import bundled, find_file, load_denoiser, load_network
from realdenoise.models.network_denoiser import NetworkDenoiser
from realdenoise.models.quantise import KINDS, METADATA, as_floats, is_quantised, quantised
from realdenoise.models.weight_file import read_weights
from realdenoise.training.checkpoint import save_network
from realdenoise.training.in_memory import Apprentice, Lesson, new_student, noise_range
from realdenoise.training.objectives import Student
from skimage import data

WHITE = noise_range("gaussian", 20, 30)
SMALL = [name for name in bundled() if is_quantised(load_network(find_file(name))[0])]


@pytest.fixture(scope="module")
def clean():
    return torch.from_numpy(data.chelsea()[None, 60:124, 100:164].astype("float32") / 255)


@pytest.mark.parametrize("kind", KINDS)
def test_floats_are_a_copy_that_says_the_same(kind, clean):
    image = clean.permute(0, 3, 1, 2)
    small = quantised(new_student("DnCNN", 0, {"depth": 4, "width": 8}).network, kind)
    said = small(image)
    wide = as_floats(small)
    assert not is_quantised(wide) and {value.dtype for value in wide.state_dict().values()} == {torch.float32}
    assert torch.equal(wide(image), said) and torch.equal(small(image), said)
    assert as_floats(wide) is wide


@pytest.mark.parametrize("name", SMALL)
@pytest.mark.parametrize("adapter", [False, True])
def test_small_weights_in_the_box_can_be_trained(name, adapter, clean, tmp_path):
    lesson = Lesson("mine", WHITE, minutes=0, steps=2, learning_rate=1e-4, crop=32, batch=1)
    run = Apprentice(lesson, Student(*load_network(find_file(name))), clean, adapter=adapter, precision="fp32")
    assert run.run().progress.best >= run.before
    file = tmp_path / ("mine_lora.safetensors" if adapter else "mine.safetensors")
    run.save(file)
    loaded = load_denoiser(name if adapter else file, device="cpu", adapter=file if adapter else None)
    assert isinstance(loaded, NetworkDenoiser) and not is_quantised(loaded.network)
    assert METADATA not in loaded.spec.card


def test_a_trained_denoiser_tells_its_own_story(clean):
    """Its card goes into the files of Save and Quantise Denoiser: nothing that was measured on its start."""
    student = Student(*load_network(find_file("interpolation_unet")))
    lesson = Lesson("mine", WHITE, minutes=0, steps=1, crop=32, batch=1)
    for adapter in (False, True):
        run = Apprentice(lesson, student, clean, adapter=adapter)
        run.run()
        card = run.network()[1].card
        assert card["recipe"] == "mine" and card["data"] == "pictures given" and card["steps"].startswith("1 of 1x32")
        assert card["started from"] == "interpolation_unet" and card["halo"] == student.spec.card["halo"]
        assert "teacher" not in card and "machine" not in card


def test_weights_beyond_float16_are_not_lost(tmp_path):
    """They end at 65504."""
    state = {"large": torch.tensor([1e5, 1.5]), "small": torch.tensor([0.25]), "number": torch.tensor([70000])}
    save_network(state, tmp_path / "x.safetensors", {})
    saved = read_weights(tmp_path / "x.safetensors").state
    assert all(torch.equal(saved[key].to(value.dtype), value) for key, value in state.items())
    assert saved["small"].dtype == torch.float16


def test_a_card_reads_the_same_every_time():
    words = {"torch": "2", "hours": "1", "recipe": "x", "data": "y", "batch": "4"}
    texts = {card_text(Spec("x", "DnCNN", card=dict(order))) for order in (words.items(), reversed(words.items()))}
    assert len(texts) == 1 and texts.pop().index("recipe") < 60
