"""Training: runs are repeatable, every objective learns."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image
from realdenoise.cli import main
from realdenoise.imaging.level import DenoiseError
from realdenoise.imaging.metrics import psnr
from realdenoise.models.contract import Spec
from realdenoise.models.loader import load_denoiser
from realdenoise.monitor import Monitor
from realdenoise.training.checkpoint import load_checkpoint
from realdenoise.training.objectives import Student
from realdenoise.training.pictures import PictureStore
from realdenoise.training.recipe import RecipeError
from realdenoise.training.run import train_from_folders
from realdenoise.training.samples import FolderSource, TensorSource
from realdenoise.training.trainer import Trainer, training_dtype
from realdenoise.training.validation import probes_from_folders, probes_from_pictures
from skimage import data
from tiny_training import GAUSSIAN, make_pictures, recipe, trainer
from torch import nn


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return make_pictures(tmp_path_factory.mktemp("data"))


class KilledError(Exception):
    pass


def killer(at: int) -> Monitor:
    calls = []

    def check():
        calls.append(1)
        if len(calls) > at:
            raise KilledError

    return Monitor(check_cancel=check)


@pytest.mark.parametrize("at", [1, 17, 38])
def test_a_killed_run_goes_on_bit_for_bit(root, tmp_path, at):
    plan = recipe(schedule={"steps": 40, "learning_rate": 3e-3}, validation={"every": 15, "pictures": 1, "crop": 48})
    whole = trainer(plan, root, folder=tmp_path / "whole")
    whole.run()
    with pytest.raises(KilledError):
        trainer(plan, root, folder=tmp_path / "killed").run(killer(at))
    resumed = trainer(plan, root, folder=tmp_path / "killed", resume=True)
    assert 0 < resumed.progress.step < 40
    resumed.run()
    one, other = load_checkpoint(tmp_path / "whole"), load_checkpoint(tmp_path / "killed")
    for part in ("network", "average", "best"):
        assert all(torch.equal(one[part][key], other[part][key]) for key in one[part])
    for key, state in one["optimiser"]["state"].items():
        assert all(torch.equal(value, other["optimiser"]["state"][key][name]) for name, value in state.items())
    assert [row[0] for row in one["progress"]["rows"]][-1] == 40


def test_nothing_to_resume(root, tmp_path):
    with pytest.raises(RecipeError, match="no checkpoint"):
        trainer(recipe(), root, folder=tmp_path, resume=True)


def test_a_run_that_goes_on_with_other_validation_judges_anew(root, tmp_path):
    short = {"steps": 20, "learning_rate": 3e-3}
    first = recipe(schedule=short, validation={"every": 10, "pictures": 1, "sigma": 15})
    before = trainer(first, root, folder=tmp_path).run().progress
    second = recipe(schedule={**short, "steps": 40}, validation={"every": 10, "pictures": 1, "sigma": 50})
    after = trainer(second, root, folder=tmp_path, resume=True).run().progress
    assert after.best == max(row[3] for row in after.rows[len(before.rows) :]) < before.best - 2


def test_a_run_that_goes_on_with_other_pictures_judges_anew(root, tmp_path):
    """Validation without folders of its own is on the training pictures."""
    short = {"schedule": {"steps": 4, "learning_rate": 3e-3}, "validation": {"every": 2, "pictures": 1, "sigma": 15}}
    trainer(recipe(**short), root, folder=tmp_path).run()
    (root / "flat").mkdir()
    Image.new("RGB", (64, 64), (90, 120, 150)).save(root / "flat" / "flat.png")
    later = {**short, "schedule": {"steps": 8, "learning_rate": 3e-3}}
    second = recipe(**later, data={"clean": ["flat"], "crop": 32, "batch": 4})
    after = trainer(second, root, folder=tmp_path, resume=True).run().progress
    assert after.best == max(row[3] for row in after.rows if row[0] > 4)


def test_a_checkpoint_is_a_pickle_and_refused_where_those_are_dangerous(root, tmp_path, monkeypatch):
    trainer(recipe(schedule={"steps": 1}), root, folder=tmp_path).run()
    monkeypatch.setattr(torch, "__version__", "2.5.1")
    with pytest.raises(DenoiseError, match="'checkpoint.pt' is a pickle"):
        trainer(recipe(), root, folder=tmp_path, resume=True)


def test_validation_reads_no_more_files_than_it_uses(root, monkeypatch):
    """Of equal runs of the sorted files, the first usable one."""
    for number in range(4):
        Image.fromarray(data.chelsea()[:64, :64]).save(root / "pictures" / f"more_{number}.png")
    read: list[str] = []
    usable = PictureStore.usable
    monkeypatch.setattr(PictureStore, "usable", lambda *words: read.append(words[1].name) or usable(*words))
    assert len(probes_from_folders(recipe(validation={"pictures": 2, "crop": 32}), root)) == 2
    assert read == ["broken.jpg", "cat.png", "more_1.png"]


class Bursting(nn.Module):
    """A convolution whose gradient, or answer, is not finite in chosen calls."""

    def __init__(self, *calls: int, answer: bool) -> None:
        super().__init__()
        self.inside, self.calls, self.answer, self.number = nn.Conv2d(3, 3, 3, padding=1), calls, answer, 0

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        said = self.inside(x)
        self.number += self.training
        if not (self.training and self.number in self.calls):
            return said
        return said * float("nan") if self.answer else said + (said - said.detach()).abs().sqrt()  # slope infinite at 0


@pytest.mark.parametrize("answer", [True, False])
def test_a_step_that_is_not_finite_is_left_out(root, answer):
    plan = recipe(schedule={"steps": 40, "learning_rate": 3e-3}, validation={"every": 10, "pictures": 1})
    student = Student(Bursting(5, 6, 25, answer=answer), Spec("burst", "Burst"))
    run = trainer(plan, root, student=student)
    progress = run.run().progress
    assert progress.step == 40 and np.isfinite(progress.rows).all()
    assert progress.rows[-1][3] > progress.rows[0][3]
    assert all(value.isfinite().all() for value in run.average.values())


def test_steps_that_are_never_finite_end_the_run_and_keep_the_best(root):
    plan = recipe(schedule={"steps": 60, "learning_rate": 3e-3}, validation={"every": 10, "pictures": 1})
    run = trainer(plan, root, student=Student(Bursting(*range(16, 99), answer=True), Spec("burst", "Burst")))
    with pytest.raises(RecipeError, match="loss is nan in step 24, .* lower schedule.learning_rate"):
        run.run()
    assert run.best and all(value.isfinite().all() for value in run.best.values())


def test_deep_gray_pictures_are_not_cut_off(tmp_path):
    ramp = np.linspace(0, 65535, 64 * 64).round().astype(np.uint16).reshape(64, 64)
    Image.fromarray(ramp).save(tmp_path / "deep.png")
    Image.fromarray(ramp).save(tmp_path / "deep.tif")
    for name, gray in (("deep.png", False), ("deep.tif", True)):
        read = PictureStore(1 << 20, gray).read(tmp_path / name)
        assert read.shape == (64, 64, 1 if gray else 3)
        assert np.abs(read.astype(float) - ramp[..., None] / 257).max() <= 0.51


def test_fp16_is_refused_for_training_and_never_chosen(root, monkeypatch):
    """Small gradients would become zero in it."""
    plan = recipe()
    source, probes = FolderSource(plan, root), probes_from_folders(plan, root)
    for device in ("cpu", "cuda"):
        with pytest.raises(RecipeError, match="precision fp16 .* use bf16, fp32 or auto"):
            Trainer(plan, source, probes, device=device, precision="fp16")
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda *_, **__: True)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: (7, 5))
    monkeypatch.setattr(torch.version, "hip", None)
    assert training_dtype(torch.device("cuda"), "auto") == torch.float32
    assert training_dtype(torch.device("cuda"), "bf16") == torch.bfloat16


CASES = {
    "regression l1": ({"objective": "regression", "objective_options": {"norm": "l1"}}, 3.5),
    "regression l2": ({"objective": "regression", "objective_options": {"norm": "l2"}}, 3.5),
    "regression charbonnier": ({"objective": "regression"}, 3.5),
    "regression psnr": ({"objective": "regression", "objective_options": {"norm": "psnr"}}, 3.5),
    "noise2noise": ({"objective": "noise2noise"}, 3.0),
    "score matching": ({"objective": "score_matching", "prediction": "score"}, 2.0),
    "interpolation": (
        {"objective": "interpolation", "network": "InterpolationUNet", "options": {"width": 12, "blocks": [1, 1]}},
        1.5,
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_every_objective_improves_validation(root, case):
    change, floor = CASES[case]
    schedule = {"steps": 160, "learning_rate": 6e-3}
    plan = recipe(**change, schedule=schedule, validation={"every": 80, "pictures": 2})
    run = trainer(plan, root)
    noisy = float(np.mean([-10 * np.log10(float((p.noisy - p.clean).square().mean())) for p in run.probes]))
    assert run.run().progress.best > noisy + floor


def test_training_on_pictures_in_memory():
    clean = torch.from_numpy(data.chelsea()[None, :96, 100:228].astype(np.float32) / 255)
    noisy = clean + 0.1 * torch.randn(clean.shape, generator=torch.manual_seed(0))
    plan = recipe(noise=[GAUSSIAN])
    for second in (None, noisy):
        source = TensorSource(plan, clean, second)
        probes = probes_from_pictures(plan, list(clean.numpy()))
        assert Trainer(plan, source, probes, precision="fp32").run().finished
    with pytest.raises(RecipeError, match="smaller than the crop"):
        TensorSource(plan, clean[:, :20])
    with pytest.raises(RecipeError, match="has one noisy picture"):
        TensorSource(recipe(objective="noise2noise"), clean, noisy)


def test_training_runs_in_inference_mode(root):
    plan = recipe(schedule={"steps": 3, "learning_rate": 3e-3})
    with torch.inference_mode():
        assert trainer(plan, root).run().progress.step == 3


def test_a_run_leaves_weights_that_load_a_log_and_a_chart(root, tmp_path):
    plan = replace(recipe(), notes="made in a test")
    trained, weights = train_from_folders(plan, tmp_path / "out", root=root, precision="fp32")
    denoiser = load_denoiser(weights, device="cpu", precision="fp32")
    assert denoiser.spec.architecture == "DnCNN" and denoiser.spec.card["notes"] == "made in a test"
    probe = probes_from_folders(plan, root)[0]
    error = (denoiser(probe.noisy) - probe.clean).square().mean()
    assert -10 * torch.log10(error) > -10 * torch.log10((probe.noisy - probe.clean).square().mean()) + 1
    rows = (tmp_path / "out" / "log.csv").read_text().splitlines()
    assert rows[0] == "step,seconds,loss,psnr" and len(rows) == 1 + len(trained.progress.rows)
    assert Image.open(tmp_path / "out" / "chart.png").size == (960, 720)
    assert "broken.jpg: unreadable" in (tmp_path / "out" / "skipped.txt").read_text()
    assert not list((tmp_path / "out").glob("*.tmp"))


def test_adapters_for_given_weights(root, tmp_path):
    base = recipe(schedule={"steps": 20, "learning_rate": 3e-3})
    _, weights = train_from_folders(base, tmp_path / "base", root=root, precision="fp32")
    plan = replace(recipe(schedule={"steps": 60, "learning_rate": 2e-2}), init=str(weights), name="mine")
    trained, adapter = train_from_folders(plan, tmp_path / "mine", root=root, precision="fp32", adapter_rank=6)
    assert adapter.name == "mine_lora.safetensors" and adapter.stat().st_size < 30_000
    probes = probes_from_folders(plan, root)
    quality = []
    for strength in (0.0, 1.0):
        denoiser = load_denoiser(weights, device="cpu", precision="fp32", adapter=adapter, strength=strength)
        quality.append(np.mean([psnr(p.clean, denoiser(p.noisy).clamp(0, 1)) for p in probes]))
    assert quality[1] > quality[0] + 0.5
    assert quality[1] == pytest.approx(trained.progress.best, abs=0.02)
    with pytest.raises(RecipeError, match="'init' is missing"):
        train_from_folders(recipe(), tmp_path, root=root, adapter_rank=6)


def test_an_interrupted_run_leaves_the_best_so_far(root, tmp_path):
    with pytest.raises(KilledError):
        train_from_folders(recipe(), tmp_path, root=root, precision="fp32", monitor=killer(40))
    assert load_denoiser(tmp_path / "tiny.safetensors").spec.card["steps"].startswith("4")


def test_the_command_line_trains_and_uses_an_adapter(root, tmp_path, monkeypatch):
    toml = (
        'name = "few"\nnetwork = "InterpolationUNet"\nobjective = "interpolation"\ninit = "interpolation_unet"\n'
        '[data]\nclean = ["pictures"]\ncrop = 32\nbatch = 1\n[[noise]]\nkind = "film_grain"\nlow = 15\nhigh = 15\n'
        "[schedule]\nsteps = 2\n[validation]\npictures = 1\ncrop = 48\n"
    )
    (tmp_path / "few.toml").write_text(toml)
    plan = [str(tmp_path / "few.toml"), "--data", str(root), "--out", str(tmp_path / "run"), "--device", "cpu"]
    assert main(["train", *plan, "--adapter", "lora"]) == 0
    adapter = tmp_path / "run" / "few_lora.safetensors"
    assert adapter.stat().st_size < 1_000_000
    picture, strengths = root / "pictures" / "cat.png", {}
    for strength in ("0", "-40"):
        target = tmp_path / f"{strength}.png"
        chosen = ["--adapter", str(adapter), f"--adapter-strength={strength}", "--device", "cpu"]
        assert main(["denoise", str(picture), "-o", str(target), *chosen]) == 0
        strengths[strength] = np.asarray(Image.open(target)).astype(int)
    assert np.abs(strengths["0"] - strengths["-40"]).max() > 0
