"""Two processes that train together follow the gradients of one with twice the batch."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from first_step import first_step
from PIL import Image
from realdenoise.training.processes import ShareOfDraws, launched_together
from realdenoise.training.recipe import RecipeError

ROOT = Path(__file__).resolve().parents[1]
PROGRAM = """
import importlib.util, sys, torch
root, tests, folder, result = sys.argv[1:]
sys.path.append(tests)
spec = importlib.util.spec_from_file_location("realdenoise", root + "/__init__.py", submodule_search_locations=[root])
module = importlib.util.module_from_spec(spec)
sys.modules["realdenoise"] = module
spec.loader.exec_module(module)
from realdenoise.training.processes import launched_together
from first_step import first_step
torch.set_num_threads(1)
processes = launched_together("cpu")
found = first_step(folder, 2, processes)
if processes.is_main:
    torch.save(found, result)
"""


def start(folder: Path, result: Path, **environment: str) -> subprocess.Popen:
    words = [sys.executable, "-c", PROGRAM, str(ROOT), str(ROOT / "tests"), str(folder), str(result)]
    return subprocess.Popen(words, env={**os.environ, **environment})


def free_port() -> str:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return str(listener.getsockname()[1])


def test_first_gradients_of_two_equal_those_of_one(tmp_path):
    pytest.importorskip("accelerate")
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    for number in range(3):
        pixels = np.random.default_rng(number).integers(0, 256, (40, 48, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(pictures / f"{number}.png")
    meeting = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": free_port(), "WORLD_SIZE": "2", "ACCELERATE_USE_CPU": "true"}
    runs = [
        start(pictures, tmp_path / "two.pt", RANK=rank, LOCAL_RANK=rank, LOCAL_WORLD_SIZE="2", **meeting)
        for rank in ("0", "1")
    ]
    one = first_step(pictures, 4)
    assert [run.wait(timeout=300) for run in runs] == [0, 0]
    two = torch.load(tmp_path / "two.pt")
    largest = max(float(gradient.abs().max()) for gradient in one["gradients"])
    assert largest > 1e-3
    for alone, together in zip(one["gradients"], two["gradients"], strict=True):
        assert torch.allclose(alone, together, rtol=1e-4, atol=1e-5)
    assert (one["seconds"], two["seconds"]) == (1.0, 1.5)


@pytest.mark.parametrize("draw", [torch.rand, torch.randn])
def test_every_process_gets_its_part_of_the_draws(draw):
    whole = draw(6, 2, generator=torch.manual_seed(3))
    parts = []
    for rank in range(3):
        with ShareOfDraws(rank, 3, 2):
            random = torch.Generator().manual_seed(3)
            parts.append(draw((2, 2), generator=random))
            scalar = draw((), generator=random)
            assert draw(2).shape == (2,)  # without a generator: left alone
        other = torch.Generator().manual_seed(3)
        draw(6, 2, generator=other)
        assert torch.equal(scalar, draw((), generator=other))
    assert torch.equal(torch.cat(parts), whole)


def test_quarters_of_pictures_get_draws_of_their_own():
    parts = []
    for rank in range(2):
        with ShareOfDraws(rank, 2, 4):
            parts.append(torch.randn((16, 2), generator=torch.manual_seed(3)))
    assert torch.equal(torch.cat(parts), torch.randn((32, 2), generator=torch.manual_seed(3)))


def test_a_process_started_alone_needs_nothing(monkeypatch):
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    assert launched_together() is None
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setitem(sys.modules, "accelerate", None)
    with pytest.raises(RecipeError, match=r"realdenoise\[train\]"):
        launched_together()
