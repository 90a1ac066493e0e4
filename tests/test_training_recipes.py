"""Training, before it starts: recipes are checked, samples are repeatable."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from realdenoise.imaging.noise import NOISE_KINDS
from realdenoise.training.network import make_student
from realdenoise.training.objectives import objectives
from realdenoise.training.pictures import pair_files
from realdenoise.training.recipe import RECIPES, RecipeError, bundled_recipes, load_recipe
from realdenoise.training.samples import FolderSource, cut, make_noisy
from realdenoise.training.validation import probes_from_folders
from tiny_training import GAUSSIAN, make_pictures, recipe, trainer


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return make_pictures(tmp_path_factory.mktemp("data"))


def test_every_bundled_recipe_is_valid():
    expected = {
        "interpolation_unet",
        "interpolation_unet_white",
        "dncnn_color_blind",
        "ridnet",
        "autoencoder",
        "vae",
        "prior_unet2d",
    }
    assert expected | {"tutorial_dncnn", "tutorial_ridnet"} <= set(bundled_recipes())
    for name in bundled_recipes():
        assert load_recipe(name).name == name


@pytest.mark.parametrize("name", bundled_recipes())
def test_every_bundled_recipe_starts(name):
    """Its network can be built from its options, its objective is known, and its noise lies in the kinds' ranges."""
    plan = load_recipe(name)
    student = make_student(plan)
    assert student.spec.architecture == plan.network and plan.objective in objectives()
    assert sum(p.numel() for p in student.network.parameters() if p.requires_grad) > 100_000
    for part in plan.noise:
        kind = NOISE_KINDS[part.kind]
        assert kind.minimum <= part.low <= part.high <= kind.maximum, part.kind


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"netwrok": "DnCNN"}, "'netwrok' is unknown"),
        ({"noise": [{**GAUSSIAN, "kind": "magic"}]}, "noise.kind"),
        ({"noise": [{**GAUSSIAN, "low": 99}]}, "noise.low"),
        ({"schedule": {}}, "schedule.steps"),
        ({"data": {"crop": 32}}, "names no folder"),
        ({"data": {"clean": ["x"], "crop": "big"}}, "must be of type int"),
        ({"options": 5}, "'options' must be a table"),
        ({"objective_options": [1]}, "'objective_options' must be a table"),
        ({"noise": []}, "noise mixture"),
        ({"noise": [{**GAUSSIAN, "on_top": 1.5, "on_top_sigma": 9}]}, "noise.on_top"),
        ({"noise": [{**GAUSSIAN, "on_top": 0.5}]}, "noise.on_top_sigma"),
        ({"noise": [{**GAUSSIAN, "on_top": 0.5, "on_top_sigma": float("nan")}]}, "noise.on_top_sigma"),
        ({"objective": "noise2noise", "data": {"clean": ["x"], "pairs": ["y"]}}, "has one noisy picture"),
    ],
)
def test_a_wrong_recipe_names_the_entry(change, words):
    with pytest.raises(RecipeError, match=words):
        recipe(**change)


def test_a_recipe_file_that_is_no_toml(tmp_path):
    (tmp_path / "bad.toml").write_text("name = = 3")
    with pytest.raises(RecipeError, match="no TOML"):
        load_recipe(tmp_path / "bad.toml")
    with pytest.raises(RecipeError, match="neither one of"):
        load_recipe("nothing")


@pytest.mark.parametrize(("change", "words"), [({"network": "Nope"}, "network"), ({"objective": "nope"}, "objective")])
def test_unknown_network_and_objective(root, change, words):
    with pytest.raises(RecipeError, match=words):
        trainer(recipe(**change), root)


def test_learning_rate_schedules():
    cosine = recipe(schedule={"steps": 100, "learning_rate": 1.0, "warm_up": 10, "final_share": 0.0}).schedule
    assert cosine.rate(0, 0) == pytest.approx(0.1)
    assert cosine.rate(50, 0) == pytest.approx(0.5)
    assert cosine.rate(100, 0) == pytest.approx(0)
    epochs = recipe(
        schedule={"steps": 9, "learning_rate": 1.0, "decay": "epoch", "epoch_steps": 3, "epoch_factor": 0.5}
    ).schedule
    assert [epochs.rate(step, 0) for step in (0, 2, 3, 6)] == [1, 1, 0.5, 0.25]
    short = recipe(schedule={"steps": 200, "learning_rate": 1.0, "warm_up": 300, "decay": "none"}).schedule
    assert [short.rate(step, 0) for step in (0, 9, 19, 199)] == pytest.approx([0.05, 0.5, 1, 1])
    timed = recipe(schedule={"minutes": 1, "learning_rate": 1.0, "final_share": 0.0}).schedule
    assert timed.rate(5, 30) == pytest.approx(0.5)


# ------------------------------------------------------------------------------------------------------------- samples


def test_bad_files_are_skipped_and_named(root):
    source = FolderSource(recipe(), root)
    skipped = {path.split("/")[-1]: reason for path, reason in source.skipped.items()}
    assert set(skipped) == {"broken.jpg", "tiny.png"}
    assert "smaller than the crop" in skipped["tiny.png"]


def test_a_batch_depends_on_its_step_alone(root):
    source, again = FolderSource(recipe(), root), FolderSource(recipe(), root)
    again.batch(3)
    assert torch.equal(source.batch(7).noisy, again.batch(7).noisy)
    assert not torch.equal(source.batch(7).noisy, source.batch(8).noisy)


def test_noise_of_a_batch_has_the_sigma_it_says(root):
    batch = FolderSource(recipe(), root).batch(0)
    measured = (batch.noisy - batch.clean).flatten(1).std(dim=1)
    assert torch.allclose(measured, batch.sigma, rtol=0.06)
    assert ((batch.sigma >= 15 / 255) & (batch.sigma <= 35 / 255)).all()
    assert (batch.second != batch.noisy).float().mean() > 0.99


def test_noise_on_top_counts_in_the_sigma_that_is_said():
    """Variances of independent noise add up; beside impulses there is no sigma to say."""
    clean = np.full((96, 96, 3), 0.5, np.float32)
    on_top = {"low": 20, "high": 20, "on_top": 1.0, "on_top_sigma": 60}
    (white,) = recipe(noise=[{"kind": "gaussian", **on_top}]).noise
    said = []
    for number in range(5):
        sample = make_noisy(clean, [white], np.random.default_rng(number))
        said.append(sample.sigma)
        for noisy in (sample.noisy, sample.second):
            assert sample.sigma == pytest.approx((noisy - clean).std(), rel=0.03)
    assert min(said) > 20 / 255 and max(said) > 30 / 255
    (impulses,) = recipe(noise=[{"kind": "salt_and_pepper", **on_top}]).noise
    assert np.isnan(make_noisy(clean, [impulses], np.random.default_rng(0)).sigma)


def test_pictures_are_cut_alike():
    picture = np.random.default_rng(0).random((40, 50, 3), dtype=np.float32)
    noisy, clean = cut((picture + 1, picture), 16, np.random.default_rng(1))
    assert noisy.shape == (16, 16, 3) and np.allclose(noisy, clean + 1)


def test_pairs_are_matched_by_ending_and_by_folder(tmp_path, root):
    picture = Image.open(root / "pictures" / "cat.png")
    (tmp_path / "a").mkdir()
    picture.save(tmp_path / "a" / "x_real.png")
    picture.save(tmp_path / "a" / "x_mean.png")
    for kind in ("noisy", "clean"):
        (tmp_path / "b" / kind).mkdir(parents=True)
        picture.save(tmp_path / "b" / kind / "y.png")
    plan = recipe(data={"pairs": ["a", "b"], "crop": 32}, noise=[])
    batch = FolderSource(plan, tmp_path).batch(0)
    assert torch.equal(batch.noisy, batch.clean) and torch.isnan(batch.sigma).all()
    with pytest.raises(RecipeError, match="no pairs"):
        FolderSource(recipe(data={"pairs": ["pictures"], "crop": 32}, noise=[]), root)


def test_scenes_in_folders_may_number_their_pictures_alike(tmp_path):
    for part in ("noisy", "clean"):
        for scene in ("a", "b"):
            (tmp_path / part / scene).mkdir(parents=True)
            Image.fromarray(np.zeros((40, 40, 3), np.uint8)).save(tmp_path / part / scene / "1.png")
    names = [[path.relative_to(tmp_path).as_posix() for path in pair] for pair in pair_files(tmp_path)]
    assert names == [["noisy/a/1.png", "clean/a/1.png"], ["noisy/b/1.png", "clean/b/1.png"]]


@pytest.mark.parametrize("sizes", [(32, 64), (64, 32)])
def test_pairs_of_two_sizes_are_skipped_and_named(tmp_path, sizes):
    (tmp_path / "pairs").mkdir()
    for name, side in zip(("x_noisy", "x_clean", "y_noisy", "y_clean"), (*sizes, 48, 48), strict=True):
        Image.fromarray(np.zeros((side, side, 3), np.uint8)).save(tmp_path / "pairs" / f"{name}.png")
    plan = recipe(data={"pairs": ["pairs"], "crop": 16, "batch": 2, "pair_share": 1.0}, noise=[])
    source = FolderSource(plan, tmp_path)
    assert [Path(name).name for name in source.skipped] == ["x_noisy.png"]
    assert "clean partner" in next(iter(source.skipped.values()))
    assert source.batch(0).noisy.shape == (2, 3, 16, 16) and len(probes_from_folders(plan, tmp_path)) == 1


def test_a_recipe_of_a_windows_editor(tmp_path):
    file = tmp_path / "mine.toml"
    file.write_bytes(b"\xef\xbb\xbf" + (RECIPES / "tutorial_dncnn.toml").read_bytes())
    assert load_recipe(file).network == "DnCNN"


def test_mixture_draws_every_part():
    parts = recipe(noise=[GAUSSIAN, {"kind": "salt_and_pepper", "low": 0.3, "high": 0.3}]).noise
    clean = np.full((24, 24, 3), 0.5, np.float32)
    kinds = {bool(np.isnan(make_noisy(clean, parts, np.random.default_rng(i)).sigma)) for i in range(20)}
    assert kinds == {True, False}


# ------------------------------------------------------------------------------------------------------------ training
