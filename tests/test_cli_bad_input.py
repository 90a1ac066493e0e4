"""What strangers feed to the commands: an exit code, one sentence, and nothing half written."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from realdenoise.cli import main
from realdenoise.models.loader import find_file
from realdenoise.models.registry import Weights
from realdenoise.models.weight_file import read_weights, write_weights
from realdenoise.training.checkpoint import load_checkpoint

RECIPE = """name = "t"
network = "DnCNN"
objective = "regression"
[options]
depth = 3
width = 8
[data]
clean = ["pictures"]
crop = 16
batch = 1
[[noise]]
kind = "gaussian"
low = 1
high = 5
[schedule]
steps = 2
[validation]
pictures = 1
crop = 16
every = 1
"""
TRAIN = ["train", "r.toml", "--out", "run", "--device", "cpu", "--precision", "fp32"]
SCHEDULE, DATA, VALIDATION = "steps = 2", "batch = 1", "pictures = 1\ncrop = 16"


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("pictures").mkdir()
    pixels = np.random.default_rng(0).integers(0, 255, (40, 40, 3), dtype=np.uint8)
    Image.fromarray(pixels).save("pictures/a.png")


def refused(capsys, *words: str) -> str:
    """The one sentence a command ends with; usage errors show the usage before."""
    capsys.readouterr()
    assert main(list(words)) in (1, 2)
    lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith("realdenoise")]
    assert len(lines) == 1 and "Traceback" not in lines[0] and len(lines[0]) < 400, lines
    return lines[0]


def with_entry(table: str, entry: str) -> str:
    """The recipe with one line more in a table that may be new."""
    return (
        RECIPE.replace(f"[{table}]\n", f"[{table}]\n{entry}\n")
        if f"[{table}]" in RECIPE
        else f"{RECIPE}[{table}]\n{entry}\n"
    )


RECIPES = {
    "noise.low": RECIPE.replace("high = 5", "high = inf"),
    "gaussian takes 0 to 255": RECIPE.replace("low = 1", "low = -5"),
    "jpeg takes 1 to 100": RECIPE.replace("gaussian", "jpeg").replace("low = 1", "low = 0"),
    "noise.options.zz": RECIPE.replace("high = 5", "high = 5\noptions = { zz = 1 }"),
    "[[noise]]": RECIPE.replace("[[noise]]", "[noise]"),
    "'options' does not fit DnCNN": RECIPE.replace("depth = 3", "depth = 0"),
    "does not fit DnCNN (Trying to create": RECIPE.replace("width = 8", "width = -8"),
    "unexpected keyword argument 'depht'": RECIPE.replace("depth = 3", "depht = 3"),
    "'objective_options.nrm' is unknown": with_entry("objective_options", 'nrm = "l1"'),
    "norm 'l9' is unknown": with_entry("objective_options", 'norm = "l9"'),
    "data.clean": RECIPE.replace('["pictures"]', "[3]"),
    "is smaller than the crop of 400": RECIPE.replace(f"crop = 16\n{DATA}", f"crop = 400\n{DATA}"),
    "data.colour": RECIPE.replace(DATA, f"{DATA}\ncolour = 7.0"),
    "data.cache_mib": RECIPE.replace(DATA, f"{DATA}\ncache_mib = -5"),
    "schedule.learning_rate' must be positive and finite": with_entry("schedule", "learning_rate = inf"),
    "lower schedule.learning_rate": with_entry("schedule", "learning_rate = 1e30"),
    "schedule.warm_up": with_entry("schedule", "warm_up = -1"),
    "schedule.steps": RECIPE.replace(SCHEDULE, "steps = -2\nminutes = 1"),
    "validation.every": RECIPE.replace("every = 1", "every = 0"),
    "validation.pictures": RECIPE.replace("pictures = 1", "pictures = 0"),
    "validation.crop": RECIPE.replace(VALIDATION, "pictures = 1\ncrop = 0"),
    "validation.sigma": with_entry("validation", "sigma = nan"),
    "optimiser.betas": with_entry("optimiser", "betas = [0.9]"),
    "optimiser.betas' must be a list of numbers": with_entry("optimiser", 'betas = "x"'),
    "optimiser.ema": with_entry("optimiser", "ema = 2.0"),
    "optimiser.clip_norm": with_entry("optimiser", "clip_norm = nan"),
    "'seed' must not be negative": f"seed = -1\n{RECIPE}",
    "trains the UNet2D": RECIPE.replace("regression", "ddpm"),
}


@pytest.mark.parametrize("problem", RECIPES)
def test_a_recipe_that_cannot_be_followed(problem, capsys):
    """And the next run with a mended one is not in its way."""
    Path("r.toml").write_text(RECIPES[problem], encoding="utf-8")
    assert problem in refused(capsys, *TRAIN)
    assert not Path("run/t.safetensors").exists() or problem.startswith("lower")
    assert not Path("run/checkpoint.pt").exists() or problem.startswith("lower")


@pytest.fixture(scope="module")
def good(tmp_path_factory) -> dict:
    """The checkpoint of a whole run."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("run"))
        Path("pictures").mkdir()
        Image.new("RGB", (40, 40), (9, 99, 199)).save("pictures/a.png")
        Path("r.toml").write_text(RECIPE, encoding="utf-8")
        assert main(TRAIN) == 0
        return load_checkpoint(Path("run")) or {}


FOREIGN = {
    "empty": lambda good: b"",
    "text": lambda good: b"hello",
    "cut short": lambda good: b"PK\3\4" + bytes(400),
    "list": lambda good: [1],
    "weights": lambda good: {"state_dict": {"a": torch.zeros(1)}},
    "no network": lambda good: {**good, "network": {}},
    "other shapes": lambda good: {**good, "network": {k: v[:1] for k, v in good["network"].items()}},
    "no average": lambda good: {**good, "average": {}},
    "best is a number": lambda good: {**good, "best": 3},
    "no optimiser": lambda good: {**good, "optimiser": {}},
    "no groups": lambda good: {**good, "optimiser": {**good["optimiser"], "param_groups": []}},
    "no progress": lambda good: {**good, "progress": {"zz": 1}},
    "empty progress": lambda good: {**good, "progress": {}},
    "no rows": lambda good: {**good, "progress": {**good["progress"], "rows": 3}},
    "a step of text": lambda good: {**good, "progress": {**good["progress"], "step": "x"}},
}


@pytest.mark.parametrize("kind", FOREIGN)
def test_a_foreign_checkpoint_is_not_gone_on_with(kind, good, capsys):
    Path("run").mkdir()
    Path("r.toml").write_text(RECIPE, encoding="utf-8")
    content = FOREIGN[kind](good)
    if isinstance(content, bytes):
        Path("run/checkpoint.pt").write_bytes(content)
    else:
        torch.save(content, "run/checkpoint.pt")
    before = Path("run/checkpoint.pt").read_bytes()
    assert "checkpoint" in refused(capsys, *TRAIN, "--resume")
    assert [path.name for path in Path("run").iterdir()] == ["checkpoint.pt"]
    assert Path("run/checkpoint.pt").read_bytes() == before


def test_a_checkpoint_of_another_recipe_is_not_gone_on_with(good, capsys):
    Path("run").mkdir()
    torch.save(good, "run/checkpoint.pt")
    Path("r.toml").write_text(RECIPE.replace("width = 8", "width = 12"), encoding="utf-8")
    assert "another network" in refused(capsys, *TRAIN, "--resume")


def changed(name: str, change) -> str:
    weights = read_weights(find_file(name))
    state, words = change(Weights(dict(weights.state), dict(weights.metadata)))
    write_weights(Path("x.safetensors"), state, words)
    return "x.safetensors"


@pytest.mark.parametrize(
    ("name", "change", "problem"),
    [
        ("autoencoder", lambda w: ({k: v for k, v in w.state.items() if k != "decoder.0.weight_scale"}, w.metadata),
         "lacks the scales"),
        ("prior_unet2d", lambda w: (w.state, {**w.metadata, "config": "[1]"}), "looks like UNet2D"),
        ("prior_unet2d", lambda w: (w.state, {**w.metadata, "config": "{"}), "looks like UNet2D"),
        ("prior_unet2d", lambda w: (w.state, {**w.metadata, "scheduler": "[]"}), "looks like UNet2D"),
    ],
)  # fmt: skip
def test_weights_with_something_missing(name, change, problem, capsys):
    file = changed(name, change)
    assert problem in refused(capsys, "card", file)
    assert problem in refused(capsys, "denoise", "pictures/a.png", "-o", "out.png", "--denoiser", file)
    assert not Path("out.png").exists()


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (["quantise", "dncnn_color_blind", "-o", "q.safetensors", "--limit", "nan"], "is not a finite number"),
        (["quantise", "dncnn_color_blind", "-o", "q.safetensors", "--sigma", "-5"], "not a number from 0 to 255"),
        (["quantise", "dncnn_color_blind", "-o", "q.png"], "must end in .safetensors"),
        (["bench", "pictures", "--denoiser", "heat", "--seed", "-1"], "not a whole number from 0 on"),
        (["bench", "pictures", "--denoiser", "heat", "--border", "-1"], "not a whole number from 0 on"),
        (["denoise", "pictures/a.png", "-o", "o.png", "--crf", "1000"], "not a whole number from 0 to 63"),
        (["denoise", "pictures/a.png", "-o", "o.png", "--adapter-strength", "nan"], "is not a finite number"),
        (["denoise", "pictures/a.png", "-o", "o.png", "--steps", "two"], "'two' is not a whole number from 1 on"),
        (["denoise", "a.mp4", "-o", "b.mp4", "--temporal", "1"], "not a number from 0 to below 1"),
        (["denoise", "", "-o", "new/folder", "--denoiser", "heat"], "is empty"),
        (["report", "empty"], "holds no results"),
        (["denoise", "missing.png", "-o", "new/folder", "--denoiser", "heat"], "missing.png"),
    ],
)
def test_options_and_folders_that_cannot_be(words, problem, capsys):
    Path("empty").mkdir()
    Path("empty/benchmark.json").write_text('{"rows": [], "denoisers": {}, "examples": []}', encoding="utf-8")
    before = sorted(Path().rglob("*"))
    assert problem in refused(capsys, *words)
    assert sorted(Path().rglob("*")) == before


def test_what_pytorch_cannot_do_is_one_sentence(monkeypatch, capsys):
    def full(*arguments, **settings):
        raise RuntimeError("out of memory\nand more lines")

    monkeypatch.setattr("realdenoise.models.loader.load_denoiser", full)
    assert "out of memory and more lines" in refused(capsys, "card", "ridnet")


@pytest.mark.parametrize("codec", ["nobody", "aac"])
def test_a_codec_that_is_none(codec, capsys):
    pytest.importorskip("av")
    from fractions import Fraction

    from realdenoise.imaging.video import write_video

    write_video([torch.rand(32, 32, 3) for _ in range(2)], "a.mp4", Fraction(25))
    words = ["denoise", "a.mp4", "-o", "b.mp4", "--denoiser", "heat", "--sigma", "5", "--codec", codec]
    assert f"codec '{codec}' is no video encoder" in refused(capsys, *words)
    assert not Path("b.mp4").exists()


def test_bm3d_needs_a_block(capsys):
    pytest.importorskip("bm3d")
    Image.new("RGB", (1, 1)).save("one.png")
    assert "at least 8 pixels" in refused(
        capsys, "denoise", "one.png", "-o", "o.png", "--denoiser", "bm3d", "--sigma", "9"
    )
