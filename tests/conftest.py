"""Makes `import realdenoise` mean this checkout, whatever its folder is called and whether or not it is installed."""

import importlib.util
import os
import sys
from collections.abc import Callable, Iterable
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


def noisy_pairs(paths: Iterable[Path], mode: str, sigma: float) -> list[tuple[torch.Tensor, torch.Tensor]]:
    """(clean, noisy) [1,H,W,C] of each picture in Pillow's mode; sigma of 255, noise drawn per picture index."""
    pairs = []
    for index, path in enumerate(paths):
        clean = np.atleast_3d(np.asarray(Image.open(path).convert(mode), np.float32) / 255)
        noise = np.random.default_rng(index).standard_normal(clean.shape, dtype=np.float32)
        pairs.append(tuple(torch.from_numpy(p)[None] for p in (clean, clean + noise * np.float32(sigma / 255))))
    return pairs


@pytest.fixture
def cbsd68(shared: Path) -> Callable[[int, float], list[tuple[torch.Tensor, torch.Tensor]]]:
    """(count, sigma of 255) → the first `count` colour pictures as (clean, noisy)."""
    return lambda count, sigma: noisy_pairs(sorted((shared / "data/test/cbsd68").iterdir())[:count], "RGB", sigma)


@pytest.fixture
def set12(shared: Path) -> Callable[[float], list[tuple[torch.Tensor, torch.Tensor]]]:
    """sigma of 255 → the twelve gray pictures of Set12 as (clean, noisy)."""
    return lambda sigma: noisy_pairs(sorted((shared / "data/test/set12").iterdir()), "L", sigma)


@pytest.fixture
def in_tmp_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The test works in a folder of its own and does not change the folders of the next."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("realdenoise.host._plain_folders", {})


@pytest.fixture
def own_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Input and output in a folder of its own; no test changes the folders of the next."""
    monkeypatch.setattr("realdenoise.host._plain_folders", {name: tmp_path / name for name in ("input", "output")})
    (tmp_path / "input").mkdir()


@pytest.fixture
def shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., dict[str, str]]:
    """(shipped workflow, settings) → what each node says, by its title; it saves into a folder of its own."""
    from realdenoise.headless.run import run_workflow

    monkeypatch.setenv("REALDENOISE_MODELS", str(tmp_path / "models"))

    def run(name: str, *settings: str) -> dict[str, str]:
        said: dict[str, str] = {}

        def hear(title: str, ui: dict) -> None:
            said[title.split("'")[1]] = "\n".join(ui.get("text", []))

        run_workflow(ROOT / "workflows" / f"{name}.json", output=tmp_path, settings=settings, on_node=hear)
        return said

    return run
