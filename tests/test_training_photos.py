"""Training on photographs of one's own: nothing else goes into the weights."""

import threading

import numpy as np
import pytest
import torch
from PIL import Image
from realdenoise.cli import main
from realdenoise.models.loader import load_denoiser
from realdenoise.training import samples
from realdenoise.training.pictures import PictureStore
from realdenoise.training.recipe import bundled_recipes, load_recipe
from realdenoise.training.run import from_photos
from realdenoise.training.samples import FolderSource
from tiny_training import make_pictures, recipe

RECIPE = """
name = "own"
network = "DnCNN"
objective = "regression"
init = "gone.safetensors"
teacher = "gone, too.safetensors"
[options]
depth = 3
width = 8
[data]
clean = ["somebody/else"]
pairs = ["pairs/of/somebody/else"]
pair_share = 0.5
crop = 32
batch = 2
[[noise]]
kind = "gaussian"
low = 15
high = 35
[schedule]
steps = 3
[validation]
clean = ["not/here"]
pictures = 1
crop = 48
"""


@pytest.mark.parametrize("name", bundled_recipes())
def test_every_bundled_recipe_can_be_followed_with_ones_own(name):
    recipe, own = load_recipe(name), from_photos(load_recipe(name), "photos")
    assert (own.data.clean, own.data.pairs, own.data.pair_share) == (("photos",), (), 0.0)
    assert (own.init, own.teacher, own.validation.clean, own.validation.pairs) == ("", "", (), ())
    assert (own.noise, own.schedule, own.network, own.options) == (
        recipe.noise,
        recipe.schedule,
        recipe.network,
        recipe.options,
    )


def test_the_command_learns_from_that_folder_alone(tmp_path, capsys):
    """The recipe's own data, teacher and start do not even exist; and no path of this machine gets into the file."""
    photos = make_pictures(tmp_path) / "pictures"
    (tmp_path / "own.toml").write_text(RECIPE)
    plan = ["train", str(tmp_path / "own.toml"), "--photos", str(photos), "--out", str(tmp_path / "run")]
    assert main([*plan, "--device", "cpu", "--precision", "fp32"]) == 0
    card = load_denoiser(tmp_path / "run" / "own.safetensors", device="cpu").spec.card
    assert card["data"] == "pictures" and "teacher" not in card and "started from" not in card
    assert "3 steps" in capsys.readouterr().out


def test_pictures_are_decoded_side_by_side_and_batches_stay_the_same(tmp_path, monkeypatch):
    root = make_pictures(tmp_path)
    plan = recipe(data={"clean": ["pictures"], "crop": 32, "batch": 6, "cache_mib": 0})
    monkeypatch.setattr(samples, "MOST_READERS", 1)
    alone = FolderSource(plan, root).batch(3)
    monkeypatch.setattr(samples, "MOST_READERS", 3)
    monkeypatch.setattr(samples.os, "cpu_count", lambda: 8)
    together, read = threading.Barrier(3, timeout=20), PictureStore.read
    source = FolderSource(plan, root)
    monkeypatch.setattr(PictureStore, "read", lambda *words: together.wait() is None or read(*words))
    batch = source.batch(3)
    assert torch.equal(alone.noisy, batch.noisy) and torch.equal(alone.clean, batch.clean)


def test_a_turned_picture_is_seen_upright(tmp_path):
    upright = np.arange(6, dtype=np.uint8).reshape(2, 3, 1).repeat(3, axis=2)
    turned = Image.fromarray(np.rot90(upright).copy())  # a quarter to the left
    exif = Image.Exif()
    exif[0x0112] = 6  # to be shown a quarter to the right
    turned.save(tmp_path / "photo.png", exif=exif)
    assert np.array_equal(PictureStore(1 << 20).read(tmp_path / "photo.png"), upright)
