"""The same workflow, picture and precision: the real ComfyUI and the headless runner save identical pixels."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from realdenoise import host
from realdenoise.headless.run import run_workflow
from shipped import FILES, small_prompt


def saved_by_comfyui(comfyui, prompt: dict) -> list[np.ndarray]:
    before = set((comfyui.base / "output").rglob("*.png"))
    comfyui.run(prompt)
    return [np.asarray(Image.open(path)) for path in sorted(set((comfyui.base / "output").rglob("*.png")) - before)]


def pictures(folder: Path) -> list[np.ndarray]:
    return [np.asarray(Image.open(path)) for path in sorted(folder.rglob("*.png"))]


@pytest.fixture
def folders(comfyui, tmp_path):
    """Both sides read the same input folder; the headless side writes into tmp_path."""
    before = dict(host._plain_folders)
    host.set_folders(input=comfyui.base / "input", output=tmp_path)
    yield tmp_path
    host._plain_folders.clear()
    host._plain_folders.update(before)


def both(comfyui, folder: Path, prompt: dict) -> tuple[list[np.ndarray], list[np.ndarray]]:
    (folder / "w.json").write_text(json.dumps(prompt))
    run_workflow(folder / "w.json", output=folder / "out")
    return saved_by_comfyui(comfyui, prompt), pictures(folder / "out")


def same(theirs: list[np.ndarray], ours: list[np.ndarray]) -> bool:
    return len(theirs) == len(ours) > 0 and all(np.array_equal(a, b) for a, b in zip(theirs, ours, strict=True))


@pytest.mark.parametrize("name", FILES)
def test_a_shipped_workflow(comfyui, folders, name, monkeypatch):
    monkeypatch.setenv("REALDENOISE_MODELS", str(folders / "models"))
    prompt = small_prompt(name)
    saves = any(node["class_type"] == "SaveImage" for node in prompt.values())
    theirs, ours = both(comfyui, folders, prompt)
    assert same(theirs, ours) if saves else len(theirs) == len(ours)


def test_load_image_and_save_image(comfyui, folders):
    """Turned by EXIF, with alpha, of several frames, of 16 bits, cut short: whatever ComfyUI makes of it."""
    pixels = np.random.default_rng(0).integers(0, 256, (24, 32, 4), dtype=np.uint8)
    exif = Image.Exif()
    exif[0x0112] = 8
    source = comfyui.base / "input"
    Image.fromarray(pixels[..., :3]).save(source / "turned.jpg", exif=exif)
    Image.fromarray(pixels).save(source / "alpha.png")
    Image.fromarray(pixels[..., 0].astype(np.uint16) * 257).save(source / "deep.png")
    Image.fromarray(pixels[..., :3]).quantize(16).save(source / "palette.png", transparency=3)
    frames = [Image.fromarray(np.roll(pixels[..., :3], i, 0)) for i in range(3)]
    frames[0].save(source / "frames.webp", save_all=True, append_images=frames[1:], lossless=True)
    cut = (source / "turned.jpg").read_bytes()
    (source / "cut.jpg").write_bytes(cut[: len(cut) * 2 // 3])
    names = sorted(path.name for path in source.iterdir() if path.is_file())
    prompt = {}
    for number, name in enumerate(names):
        prompt[f"load{number}"] = {"class_type": "LoadImage", "inputs": {"image": name}}
        inputs = {"images": [f"load{number}", 0], "filename_prefix": name}
        prompt[f"save{number}"] = {"class_type": "SaveImage", "inputs": inputs}
    assert same(*both(comfyui, folders, prompt))
