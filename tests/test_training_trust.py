"""What a run keeps is never worse than its start, whatever interrupts, spoils or changes it."""

import math
from dataclasses import replace

import pytest
import torch
from PIL import Image
from realdenoise.models.loader import find_file, load_denoiser, load_network
from realdenoise.monitor import Monitor
from realdenoise.training import trainer as trainers
from realdenoise.training.checkpoint import load_checkpoint
from realdenoise.training.in_memory import Apprentice, Lesson, noise_range
from realdenoise.training.objectives import Student
from realdenoise.training.recipe import RecipeError
from realdenoise.training.run import train_from_folders
from realdenoise.training.validation import probes_from_folders
from skimage import data
from tiny_training import make_pictures, recipe, trainer

SHORT = {"steps": 20, "learning_rate": 3e-3}
OFTEN = {"every": 10, "pictures": 2, "crop": 48}


@pytest.fixture
def root(tmp_path):
    return make_pictures(tmp_path)


def test_an_interruption_while_validating_changes_nothing(root, tmp_path, monkeypatch):
    """The averaged weights are in the network then; the present ones belong into the checkpoint."""
    plan = recipe(schedule=SHORT, validation=OFTEN)
    trainer(plan, root, folder=tmp_path / "whole").run()

    def interrupted(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(trainers, "validate", interrupted)
        trainer(plan, root, folder=tmp_path / "killed").run()
    trainer(plan, root, folder=tmp_path / "killed", resume=True).run()
    one, other = (load_checkpoint(tmp_path / name)["network"] for name in ("whole", "killed"))
    assert all(torch.equal(one[key], other[key]) for key in one)


def test_weights_to_start_from_are_kept_when_nothing_is_better(root, tmp_path):
    _, good = train_from_folders(recipe(schedule={**SHORT, "steps": 80}), tmp_path / "good", root=root)
    harmful = recipe(schedule={"steps": 10, "learning_rate": 0.3}, validation=OFTEN, init=str(good))
    trained, weights = train_from_folders(harmful, tmp_path / "tuned", root=root)
    assert trained.progress.best == trained.progress.start > trained.progress.rows[-1][3] + 3
    one, other = (load_network(path)[0].state_dict() for path in (good, weights))
    assert all(torch.equal(one[key], other[key]) for key in one)


def test_a_finished_run_with_other_pictures_still_knows_its_quality(root, tmp_path):
    plan = recipe(schedule=SHORT, validation=OFTEN)
    first, weights = train_from_folders(plan, tmp_path / "run", root=root, precision="fp32")
    Image.fromarray(data.coffee()[:96, :128]).save(root / "pictures" / "a.png")
    again, _ = train_from_folders(plan, tmp_path / "run", root=root, precision="fp32", resume=True)
    expected, _ = trainers.validate(
        Student(*load_network(weights)), probes_from_folders(plan, root), torch.device("cpu"), torch.float32
    )
    assert again.progress.best == pytest.approx(expected, abs=0.02) and again.progress.best != first.progress.best


def test_a_run_without_a_measurement_claims_none(root, tmp_path):
    steps = []

    def check():
        steps.append(1)
        if len(steps) > 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train_from_folders(recipe(), tmp_path, root=root, monitor=Monitor(check_cancel=check))
    assert "validation_psnr" not in load_denoiser(tmp_path / "tiny.safetensors", device="cpu").spec.card


def test_a_bad_batch_does_not_spoil_the_statistics_of_batch_norm(root):
    run = trainer(recipe(options={"depth": 3, "width": 8, "batch_norm": True}, schedule=SHORT, validation=OFTEN), root)
    batch = run.source.batch

    class Source:
        skipped = {}

        def batch(self, step):
            good = batch(step)
            return replace(good, noisy=good.noisy * math.nan) if step == 5 else good

    run.source = Source()
    assert all(math.isfinite(row[3]) for row in run.run().progress.rows)


def test_a_mixture_without_white_noise_is_measured_on_itself(root):
    impulses = {"kind": "salt_and_pepper", "low": 10, "high": 10}
    probes = probes_from_folders(recipe(noise=[impulses], validation=OFTEN), root)
    assert len(probes) == 2
    for probe in probes:
        changed = (probe.noisy != probe.clean).any(dim=1).float().mean()
        assert probe.sigma is None and 0.05 < changed < 0.35
    jpeg = {"kind": "jpeg", "low": 20, "high": 20}
    assert len(probes_from_folders(recipe(noise=[impulses], validation={**OFTEN, "noise": [jpeg, jpeg]}), root)) == 4


@pytest.mark.parametrize("noise", [None, noise_range("camera", 800, 6400)])
def test_networks_that_are_told_sigma_learn_from_noise_that_has_one(noise):
    clean = torch.rand(1, 48, 48, 3, generator=torch.manual_seed(0))
    student = Student(*load_network(find_file("prior_unet2d")))
    with pytest.raises(RecipeError, match="must be told sigma, which only Gaussian noise has"):
        Apprentice(Lesson("x", noise, steps=1, crop=32), student, clean, None if noise else clean)
