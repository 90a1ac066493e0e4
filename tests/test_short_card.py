"""The short card: what a person wants to know before a denoiser is run, without loading it."""

import re
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from realdenoise.models import short_card as module
from realdenoise.models.card import full_card
from realdenoise.models.loader import bundled, find_file, load_denoiser
from realdenoise.models.networks.dncnn import DnCNN
from realdenoise.models.short_card import short_card
from safetensors.torch import save_file


@pytest.mark.parametrize("name", bundled())
def test_bundled_files_say_noise_numbers_and_licence(name):
    lines = short_card(find_file(name)).splitlines()
    assert lines[0].startswith(f"{name} · ") and "RGB" in lines[0] and 4 <= len(lines) <= 6
    parts = dict(line.split(": ", 1) for line in lines[1:])
    assert list(parts) == ["noise", "PSNR", "licence"]
    assert "hite noise" in parts["noise"] and "non-commercial" in parts["licence"]
    numbers = [float(number) for number in re.findall(r"\b\d\d\.\d\d(?= (?:/|dB))", parts["PSNR"])]
    written = find_file(name).with_suffix(".md").read_text(encoding="utf-8")
    assert 1 <= len(numbers) <= module.MOST_NUMBERS and all(20 < number < 45 for number in numbers)
    assert all(f"| {number:.2f}" in written for number in numbers) and "CBSD68" in parts["PSNR"]


def test_the_flagship_names_its_hardest_numbers():
    """The first rows of its table, white noise and real pairs, and none of a later table."""
    text = short_card(find_file("interpolation_unet"))
    assert re.search(r"CBSD68, white noise σ 15 / 25 / 50: 33\.\d\d / 31\.\d\d / 27\.\d\d dB", text)
    assert len(text) < 400 and text.count("CBSD68") == 1
    assert "PolyU" in text and "JPEG of quality 20" not in text


def test_a_file_of_ones_own_says_what_its_metadata_say(tmp_path):
    words = {"data": "my holidays", "license": "mine", "validation_psnr": "31.20"}
    save_file(DnCNN(depth=3, width=8).state_dict(), tmp_path / "mine.safetensors", metadata=words)
    lines = short_card(tmp_path / "mine.safetensors").splitlines()
    assert lines[0].startswith("mine · DnCNN") and lines[1].startswith("PSNR: 31.20 dB")
    assert lines[2:] == ["data: my holidays", "licence: mine"]


def test_a_loaded_denoiser_says_its_adapter_and_what_a_pickle_holds(tmp_path):
    torch.save(DnCNN(depth=3, width=8).state_dict(), tmp_path / "old.pth")
    spec = load_denoiser(tmp_path / "old.pth", device="cpu").spec
    spec = replace(spec, name="old + mine_lora", card={"adapter": "mine_lora, strength 0.5"})
    lines = short_card(tmp_path / "old.pth", spec).splitlines()
    assert lines[0].startswith("old + mine_lora · DnCNN") and lines[1:] == ["adapter: mine_lora, strength 0.5"]


def test_texts_beside_weights_need_not_be_utf_8(tmp_path):
    save_file(DnCNN(3, 4, 8).state_dict(), tmp_path / "mine.safetensors")
    (tmp_path / "mine.md").write_bytes("**Noise.** Modèle bruité".encode("cp1252"))
    denoiser = load_denoiser(tmp_path / "mine.safetensors", device="cpu")
    assert "noise: Mod" in short_card(tmp_path / "mine.safetensors")
    assert "**Noise.** Mod" in full_card(denoiser.spec, tmp_path / "mine.safetensors")


@pytest.mark.parametrize("config", ["[]", '{"block_out_channels": null}'])
def test_odd_settings_of_a_diffusion_network_are_no_error(tmp_path, config):
    save_file({"conv_in.weight": torch.zeros(4, 3, 3, 3)}, tmp_path / "odd.safetensors", {"config": config})
    assert "odd" in short_card(tmp_path / "odd.safetensors")


@pytest.mark.parametrize("content", [b"", b"no weights at all", None])
def test_what_cannot_be_read_is_no_error(tmp_path, content):
    file = tmp_path / "odd.safetensors"
    if content is None:
        save_file({"unknown.weight": torch.zeros(3, 3)}, file)
    else:
        file.write_bytes(content)
    assert re.fullmatch(r"odd · \d+\.\d MB · .*recognised when it runs", short_card(file))


def test_pickles_are_not_opened(tmp_path, monkeypatch):
    monkeypatch.setattr(torch, "load", lambda *_, **__: pytest.fail("opened"))
    (tmp_path / "x.pth").write_bytes(b"\x80\x04.")
    assert short_card(tmp_path / "x.pth").startswith("x · 0.0 MB")


def test_values_are_left_in_the_file(monkeypatch):
    """Large tensors are known by their shapes alone: a card of a gigabyte takes milliseconds, too."""
    made = []
    build = module.find

    def spy(weights):
        made.extend(weights.state.values())
        return build(weights)

    monkeypatch.setattr(module, "find", spy)
    short_card(Path(find_file("interpolation_unet")))
    assert len(made) > 50 and all(each.is_meta or each.numel() <= module.SETTING for each in made)
