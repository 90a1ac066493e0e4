"""Makes `import realdenoise` mean this checkout, whatever its folder is called and whether or not it is installed."""

import importlib.util
import os
import sys
from collections.abc import Callable
from pathlib import Path

os.environ.setdefault("OMP_WAIT_POLICY", "passive")  # read when torch loads: threads that spin starve a busy machine

import numpy as np
import pytest
import torch
from hypothesis import settings
from PIL import Image

settings.register_profile("patient", deadline=None)  # a busy machine is no failure
settings.load_profile("patient")

ROOT = Path(__file__).resolve().parents[1]
NAME = "realdenoise"

# ComfyUI has top-level modules `nodes` and `models` of its own: ours must never shadow them.
sys.path[:] = [entry for entry in sys.path if Path(entry or ".").resolve() != ROOT]
sys.path.append(str(ROOT / "tests"))  # helpers of the tests
_spec = importlib.util.spec_from_file_location(NAME, ROOT / "__init__.py", submodule_search_locations=[str(ROOT)])
_module = importlib.util.module_from_spec(_spec)
sys.modules[NAME] = _module
_spec.loader.exec_module(_module)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What is marked slow may take hours; the limit for one test is for the others."""
    for item in items:
        if item.get_closest_marker("slow"):
            item.add_marker(pytest.mark.timeout(0))


@pytest.fixture
def shared() -> Path:
    """The folder with test images and published weights that lies beside this checkout; a plain clone has none."""
    folder = ROOT.parent / "shared"
    if not (folder / "data" / "README.md").is_file():
        pytest.skip("needs the benchmark data in ../shared, which a plain clone does not have")
    return folder


@pytest.fixture
def cbsd68(shared: Path) -> Callable[[int, float], list[tuple[torch.Tensor, torch.Tensor]]]:
    """(count, sigma of 255) → the first `count` pictures as (clean, noisy) [1,H,W,3], noise drawn per picture index."""

    def load(count: int, sigma: float) -> list[tuple[torch.Tensor, torch.Tensor]]:
        pairs = []
        for index, path in enumerate(sorted((shared / "data/test/cbsd68").iterdir())[:count]):
            clean = np.asarray(Image.open(path).convert("RGB"), np.float32) / 255
            noise = np.random.default_rng(index).standard_normal(clean.shape, dtype=np.float32)
            pairs.append(
                (torch.from_numpy(clean)[None], torch.from_numpy(clean + noise * np.float32(sigma / 255))[None])
            )
        return pairs

    return load


@pytest.fixture
def set12(shared: Path) -> Callable[[float], list[tuple[torch.Tensor, torch.Tensor]]]:
    """sigma of 255 → the twelve gray pictures of Set12 as (clean, noisy) [1,H,W,1], noise drawn per picture index."""

    def load(sigma: float) -> list[tuple[torch.Tensor, torch.Tensor]]:
        pairs = []
        for index, path in enumerate(sorted((shared / "data/test/set12").iterdir())):
            clean = np.asarray(Image.open(path).convert("L"), np.float32)[..., None] / 255
            noise = np.random.default_rng(index).standard_normal(clean.shape, dtype=np.float32)
            pairs.append(
                (torch.from_numpy(clean)[None], torch.from_numpy(clean + noise * np.float32(sigma / 255))[None])
            )
        return pairs

    return load
