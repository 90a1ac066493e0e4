"""The scripts behind the README's figures measure what they say."""

import argparse
import importlib.util
import sys
import types
from pathlib import Path

import pytest
import torch
from PIL import Image

FOLDER = Path(__file__).resolve().parents[1] / "benchmarks"


@pytest.fixture
def script(monkeypatch):
    """name → the script as a module, with the checkout that the tests have imported."""
    monkeypatch.setitem(sys.modules, "_checkout", types.ModuleType("_checkout"))
    monkeypatch.syspath_prepend(str(FOLDER))

    def load(name: str):
        spec = importlib.util.spec_from_file_location(f"script_{name}", FOLDER / f"{name}.py")
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module

    return load


def test_ours_is_measured_on_the_whole_picture_at_every_precision(script, monkeypatch, capsys):
    module, sizes = script("full_size"), {}

    def measure(name, network, megapixels, threads, judged):
        sizes[name] = megapixels
        return {"speed": 1.0, "memory": 1, "seam": 0.0, "lost": 0.0, "note": ""}

    monkeypatch.setattr(module, "measure", measure)
    options = {"megapixels": [12.0], "peer_megapixels": 4.0, "repeats": 1, "threads": 1, "cpu_clock": False}
    module.compare("drunet", argparse.Namespace(**options))
    assert sizes == {"comfyui": 4.0, "spandrel": 4.0, "deepinv": 4.0, "ours": 12.0, "ours fp32": 12.0}
    assert "12 megapixels" in capsys.readouterr().out


@pytest.mark.parametrize("count, size", [(5, (32, 4)), (8, (32, 4)), (11, (32, 8))])
def test_a_sheet_shows_every_patch(script, tmp_path, count, size):
    script("prior").save(torch.ones(count, 3, 4, 4), tmp_path / "sheet.png")
    with Image.open(tmp_path / "sheet.png") as sheet:
        assert sheet.size == size and sum(sheet.convert("L").histogram()[255:]) == 16 * count


def test_a_single_draw_is_refused(script, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["uncertainty.py", "nowhere", "--draws", "1"])
    with pytest.raises(SystemExit) as ended:
        script("uncertainty").main()
    assert ended.value.code == 2 and "at least 2" in capsys.readouterr().err


def test_what_bfloat16_costs_is_measured_on_every_cpu(script, monkeypatch, capsys):
    pictures = str(FOLDER.parent / "samples")
    options = ["--denoiser", "dncnn_color_blind", "--sigma", "25", "--first", "1", "--side", "48"]
    monkeypatch.setattr(sys, "argv", ["half_precision.py", pictures, *options])
    script("half_precision").main()
    *_, exact, cast, centred, _ = capsys.readouterr().out.splitlines()[-1].split("|")
    assert 27 < float(exact) < 34 and 0 < abs(float(cast)) < 0.1 and 0 < abs(float(centred)) < 0.05
