"""What is saved says everything about itself that loading needs, and is found again by its name."""

from pathlib import Path

import pytest
import torch
from realdenoise.cli import main
from realdenoise.imaging.level import Level
from realdenoise.models.loader import load_denoiser
from realdenoise.models.network_denoiser import NetworkDenoiser
from realdenoise.models.quantise import save_quantised
from realdenoise.models.quantise_report import gaussian_probes, quantise_denoiser
from realdenoise.nodes.save_denoiser import SaveDenoiser
from realdenoise.training.run import train_from_folders
from tiny_training import make_pictures, recipe


@pytest.fixture
def models(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("REALDENOISE_MODELS", str(tmp_path / "models"))
    return tmp_path / "models"


def again(file, **options) -> NetworkDenoiser:
    denoiser = load_denoiser(file, device="cpu", precision="fp32", **options)
    assert isinstance(denoiser, NetworkDenoiser)
    return denoiser


def trained(folder: Path, name: str, **changes) -> Path:
    """A weight file after two steps; with `adapter_rank` one of adapters."""
    rank = changes.pop("adapter_rank", None)
    plan = recipe(**{"name": name, "schedule": {"steps": 2, "learning_rate": 0.05}, **changes})
    root = folder if (folder / "pictures").exists() else make_pictures(folder)
    return train_from_folders(plan, folder / name, root=root, precision="fp32", adapter_rank=rank)[1]


@pytest.fixture
def merged(tmp_path) -> NetworkDenoiser:
    start = trained(tmp_path, "start")
    return again(start, adapter=trained(tmp_path, "mine", init=str(start), adapter_rank=2), strength=0.5)


def test_a_denoiser_saved_with_its_adapter_loads_again(models, merged):
    (path,) = SaveDenoiser().save(merged, "merged", "fp32", False)["result"]
    picture = torch.rand(1, 3, 16, 24)
    assert torch.equal(again(path)(picture), merged(picture))
    assert again(path).spec.card["adapter"] == "mine_lora, strength 0.5"


def test_a_denoiser_quantised_with_its_adapter_loads_again(tmp_path, merged):
    smaller, _ = quantise_denoiser(
        merged, "int8", gaussian_probes([torch.rand(1, 16, 16, 3)], 0.1, merged.spec), limit=99
    )
    save_quantised(tmp_path / "small.safetensors", smaller.network, "int8", merged.spec.card)
    picture = torch.rand(1, 3, 16, 24)
    assert torch.equal(again(tmp_path / "small.safetensors")(picture), smaller(picture))


def test_a_network_that_learned_the_score_still_says_it(tmp_path):
    denoiser = again(trained(tmp_path, "scores", objective="score_matching", prediction="score"))
    picture = torch.rand(1, 3, 16, 24)
    with torch.no_grad():
        expected = picture + 0.2**2 * denoiser.network(picture)  # Tweedie's formula
    assert denoiser.spec.prediction == "score" and denoiser.spec.needs_sigma
    assert torch.allclose(denoiser(picture, Level(0.2)), expected, atol=1e-5)


def test_every_listed_name_can_be_used(tmp_path, models, capsys):
    file = trained(tmp_path, "start")
    (models / "own").mkdir(parents=True)
    file.rename(models / "own" / "first.safetensors")
    (models / "mine_lora.safetensors").write_bytes(b"an adapter")
    (models / "own" / "first.md").write_text("My own card.", encoding="utf-8")
    assert main(["list"]) == 0
    names = [line.split()[0] for line in capsys.readouterr().out.splitlines() if line][:-1]
    assert {"own/first.safetensors", "zero_shot", "nlm", "ridnet"} <= set(names)
    assert not any("lora" in name for name in names)
    assert main(["card", "own/first.safetensors"]) == 0
    assert "My own card." in capsys.readouterr().out
    words = ["denoise", str(tmp_path / "pictures" / "cat.png"), "-o", str(tmp_path / "clean.png")]
    assert main([*words, "--denoiser", "own/first.safetensors"]) == 0
    assert (tmp_path / "clean.png").exists()
