"""Names to save under: what some system cannot write is refused on every one, before any work is done."""

from pathlib import Path

import node_calls
import pytest
import torch
from PIL import Image
from realdenoise import host
from realdenoise.cli import main
from realdenoise.headless.core_nodes import SaveImage
from realdenoise.headless.core_video import SaveVideo
from realdenoise.imaging.clip import FrameClip
from realdenoise.imaging.level import DenoiseError
from realdenoise.imaging.names import check_name, to_save
from realdenoise.nodes import NODE_CLASS_MAPPINGS
from realdenoise.training.recipe import RecipeError
from tiny_training import recipe

DEVICES = ["CON", "nul", "COM1.txt", "aux .png", "LPT9.tar.gz", "con/x", "COM¹"]
OTHERS = ["picture.png:stream", "x.", "x ", "folder. /x", "what?", "a\nb"]
BAD = [*DEVICES, *OTHERS]
FINE = ["x", "console", "com", "COM10", "a.b/c d.png", ".hidden", "x...png", "ñ/照片", "my nul.png"]
WORDS = "on Windows|Windows drops"


@pytest.fixture(autouse=True)
def folders(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(host, "_plain_folders", {kind: tmp_path / kind for kind in ("input", "output", "temp")})
    monkeypatch.setenv(host.MODELS_VARIABLE, str(tmp_path / "models"))


def written() -> list[str]:
    return [path.as_posix() for path in Path().rglob("*") if path.is_file()]


@pytest.mark.parametrize("name", BAD)
def test_names_that_windows_cannot_write_are_refused(name):
    with pytest.raises(DenoiseError, match=WORDS):
        check_name(name)


@pytest.mark.parametrize("name", FINE)
def test_all_others_are_taken(name, tmp_path):
    check_name(name)
    assert to_save(tmp_path, name) == tmp_path.resolve() / name
    assert to_save(tmp_path, "a\\b") == tmp_path.resolve() / "a" / "b"
    check_name(f"C:\\folder\\..\\{name}")


@pytest.mark.parametrize("name", [*BAD, "", ".", "../x", "C:x"])
def test_nodes_that_save_pictures_refuse_them(name):
    picture = torch.zeros(1, 16, 16, 3)
    with pytest.raises(DenoiseError):
        NODE_CLASS_MAPPINGS["RealDenoiseSavePhoto"]().save(picture, name, "JPEG", 95)
    with pytest.raises(DenoiseError):
        SaveImage().save(picture, name)
    with pytest.raises(DenoiseError):
        SaveVideo().save(FrameClip(picture, 25), name, "auto", "auto")
    assert written() == []


@pytest.mark.parametrize("name", ["CON", "nul.safetensors", "COM1.txt", "aux .safetensors", "x:stream", "x."])
def test_nodes_that_save_weights_refuse_them(name):
    with pytest.raises(DenoiseError, match=f"cannot be a file name|{WORDS}"):
        host.new_denoiser_file(name)
    with pytest.raises(DenoiseError, match=f"cannot be a file name|{WORDS}"):
        node_calls.call("RealDenoiseTrainDenoiser", torch.zeros(1, 64, 64, 3), train="new DnCNN", save_as=name)


@pytest.mark.parametrize(
    "words",
    [
        *(["denoise", "a.png", "-o", "NUL.png"], ["denoise", "a.png", "-o", "b.png:s"], ["batch", "in", "aux"]),
        *(["quantise", "ridnet", "-o", "con.safetensors"], ["report", "in", "-o", "x/nul"], ["bench", "a.png"]),
        *(["train", "tutorial_dncnn", "--out", "aux/x"], ["run", "w.json", "--output", "com1"]),
    ],
    ids=lambda words: words[0],
)
def test_commands_refuse_them(words, capsys):
    Image.new("RGB", (16, 16)).save("a.png")
    extra = ["--denoiser", "heat", "-o", "prn "] if words[0] == "bench" else []
    assert main([*words, *extra]) == 1
    (line,) = [line for line in capsys.readouterr().err.splitlines() if line]
    assert line.startswith(f"realdenoise {words[0]}: '") and "Windows" in line
    assert written() == ["a.png"]


@pytest.mark.parametrize("name", ["../x", "a/b", "con", "x:y", "", "."])
def test_the_name_of_a_recipe_is_one_of_a_file(name):
    with pytest.raises(RecipeError, match="'name'"):
        recipe(name=name)
