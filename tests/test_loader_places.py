"""The folders of weight files: what a node may name there, and where new files go."""

import os

import pytest
import torch
from realdenoise import host
from realdenoise.imaging.level import DenoiseError
from realdenoise.models.networks.dncnn import DnCNN
from safetensors.torch import save_file

WEIGHTS = DnCNN(channels=1, depth=3, width=4).state_dict()
OUTSIDE = [
    "../secret",
    "a/../../secret",
    "/etc/secret",
    "C:\\secret",
    "C:secret",
    "\\\\server\\share\\secret",
    "..\\secret",
]


@pytest.mark.parametrize("name", OUTSIDE)
def test_nodes_cannot_name_a_file_outside_the_model_folders(tmp_path, monkeypatch, name):
    models = tmp_path / "models"
    models.mkdir()
    monkeypatch.setenv(host.MODELS_VARIABLE, str(models))
    for folder in (tmp_path, models):
        save_file(WEIGHTS, folder / "secret.safetensors")
    assert host.denoiser_file("secret.safetensors") == models / "secret.safetensors"
    for ending in ("", ".safetensors"):
        with pytest.raises(DenoiseError, match="not installed"):
            host.denoiser_file(name + ending)
    with pytest.raises(DenoiseError, match="cannot be a file name"):
        host.new_denoiser_file(name)


def test_new_files_are_numbered_and_never_replace_another(tmp_path, monkeypatch):
    monkeypatch.setenv(host.MODELS_VARIABLE, str(tmp_path))
    first = host.new_denoiser_file("mine")
    first.write_bytes(b"x")
    assert (first.name, host.new_denoiser_file("mine.safetensors").name) == ("mine.safetensors", "mine_2.safetensors")


def test_whole_weights_cannot_be_called_like_an_adapter(tmp_path, monkeypatch):
    monkeypatch.setenv(host.MODELS_VARIABLE, str(tmp_path))
    with pytest.raises(DenoiseError, match="leave out '_lora'"):
        host.new_denoiser_file("style_lora")
    assert host.new_denoiser_file("style_lora", adapter=True).name == "style_lora.safetensors"


def test_of_several_folders_the_first_wins_and_folders_are_no_weights(tmp_path, monkeypatch):
    first, second = tmp_path / "a", tmp_path / "b"
    for folder in (first, second):
        folder.mkdir()
        save_file(WEIGHTS, folder / "x.safetensors")
    (first / "sub.safetensors").mkdir()
    torch.save(WEIGHTS, second / "OLD.PTH")
    monkeypatch.setenv(host.MODELS_VARIABLE, os.pathsep.join(map(str, (first, second))))
    files = host.denoiser_files()
    assert files["x.safetensors"] == first / "x.safetensors"
    assert "sub.safetensors" not in files and "OLD.PTH" in files
