"""Where a run finds its pictures and its teacher, and what it says about those it cannot use."""

import numpy as np
import pytest
from PIL import Image
from realdenoise.cli import main
from realdenoise.models.loader import find_file, load_denoiser
from realdenoise.training.recipe import bundled_recipes, load_recipe
from realdenoise.training.run import from_photos
from realdenoise.training.samples import FolderSource
from realdenoise.training.validation import held_out, probes_from_folders
from skimage import data
from test_training_photos import RECIPE
from tiny_training import make_pictures, recipe


def train(tmp_path, *more):
    (tmp_path / "own.toml").write_text(RECIPE)
    return main(["train", str(tmp_path / "own.toml"), "--device", "cpu", "--precision", "fp32", *more])


@pytest.mark.parametrize("count", [9, 10])
def test_of_many_photographs_some_are_only_measured(tmp_path, count):
    for number in range(count):
        Image.fromarray(data.chelsea()[number : number + 40, :40]).save(tmp_path / f"{number}.png")
    plan = from_photos(recipe(validation={"pictures": 2, "crop": 40}), ".")
    held = held_out(plan, tmp_path)
    source = FolderSource(plan, tmp_path, without=held)
    assert {path.name for path in held} == ({"0.png", "5.png"} if count == 10 else set())
    assert len(source._clean) + len(held) == count and not held & set(source._clean)
    measured = [probe.clean for probe in probes_from_folders(plan, tmp_path)]
    assert len(measured) == 2
    for path in held:
        assert any(np.allclose(source._store.read(path)[0, 0] / 255, probe[0, :, 0, 0]) for probe in measured)


def test_the_help_tells_the_number_that_is_held_out(capsys):
    main(["train", "--help"])
    assert "of 20 and more, four are not learnt from" in " ".join(capsys.readouterr().out.split())
    assert {load_recipe(name).validation.pictures for name in bundled_recipes()} == {4}


def test_results_do_not_become_inputs(tmp_path, capsys, monkeypatch):
    photos = make_pictures(tmp_path) / "pictures"
    monkeypatch.chdir(photos)
    assert train(tmp_path, "--photos", ".") == 1
    assert "lies inside the data folder 'pictures'; choose another --out" in capsys.readouterr().err
    assert not (photos / "runs").exists()


def test_pictures_that_cannot_be_used_are_counted_aloud(tmp_path, caplog):
    photos = make_pictures(tmp_path) / "pictures"
    assert train(tmp_path, "--photos", str(photos), "--out", str(tmp_path / "run")) == 0
    assert "2 files cannot be learnt from" in caplog.text and "skipped.txt says why" in caplog.text


def test_a_teacher_is_found_where_the_user_stands(tmp_path, monkeypatch):
    (tmp_path / "far").mkdir()
    photos = make_pictures(tmp_path / "far") / "pictures"
    (tmp_path / "old.safetensors").write_bytes(find_file("dncnn_color_blind").read_bytes())
    monkeypatch.chdir(tmp_path)
    assert train(tmp_path, "--photos", str(photos), "--teacher", "old.safetensors", "--out", "run") == 0
    assert load_denoiser(tmp_path / "run" / "own.safetensors", device="cpu").spec.card["teacher"] == "old, share 0.8"
