"""Which arithmetic is chosen where, and that a slow choice is said."""

import pytest
import torch
from PIL import Image
from realdenoise.cli import main
from realdenoise.imaging.level import Level
from realdenoise.models import precision
from realdenoise.models.contract import Spec
from realdenoise.models.network_denoiser import NetworkDenoiser
from realdenoise.models.placement import PlainPlacement
from realdenoise.models.precision import pick_dtype
from realdenoise.monitor import Monitor
from realdenoise.nodes.common import facts
from realdenoise.nodes.loader import LoadDenoiser
from torch import nn

CPU, GPU = torch.device("cpu"), torch.device("cuda", 0)
TURING, AMPERE = (7, 5), (8, 0)


def pretend(monkeypatch, capability, hip=None):
    """A GPU of that generation. torch says of all of them that they know bfloat16, which old ones only emulate."""
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda *_, **__: True)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: capability)
    monkeypatch.setattr(torch.version, "hip", hip)


@pytest.mark.parametrize(
    ("capability", "facts", "dtype"),
    [
        (AMPERE, {}, torch.bfloat16),
        ((12, 0), {}, torch.bfloat16),
        (TURING, {}, torch.float16),
        (TURING, {"fp16_is_safe": False}, torch.float32),
        (AMPERE, {"half_is_safe": False}, torch.float32),
    ],
)
def test_auto_takes_bfloat16_only_from_gpus_that_multiply_it(monkeypatch, capability, facts, dtype):
    pretend(monkeypatch, capability)
    assert pick_dtype(GPU, "auto", **facts) == dtype


def test_amd_counts_otherwise(monkeypatch):
    pretend(monkeypatch, TURING, hip="6.2")
    assert pick_dtype(GPU, "auto") == torch.bfloat16


@pytest.mark.parametrize(("able", "dtype"), [(True, torch.bfloat16), (False, torch.float32)])
def test_auto_on_the_cpu(monkeypatch, able, dtype):
    monkeypatch.setattr(precision, "cpu_has_bf16", lambda: able)
    assert pick_dtype(CPU, "auto") == dtype


def wrapped(choice):
    network = nn.Conv2d(3, 3, 1)
    return NetworkDenoiser(network, Spec("probe", "Probe", radius=0), PlainPlacement(network, CPU), choice)


@pytest.mark.parametrize(
    ("choice", "able", "said"), [("bf16", False, True), ("bf16", True, False), ("fp32", False, False)]
)
def test_emulated_bfloat16_is_said_in_the_report(monkeypatch, choice, able, said):
    monkeypatch.setattr(precision, "cpu_has_bf16", lambda: able)
    monitor = Monitor()
    wrapped(choice)(torch.rand(1, 3, 8, 8), Level(), monitor)
    line = facts(monitor.notes, torch.rand(1, 8, 8, 3))
    assert ("slow: bf16 is only emulated" in line and "fp32" in line) == said
    assert "bfloat16" in line or choice == "fp32"


def test_emulated_bfloat16_on_an_old_gpu_is_slow_too(monkeypatch):
    pretend(monkeypatch, TURING)
    assert "emulated" in precision.why_slow(GPU, torch.bfloat16)
    assert precision.why_slow(GPU, torch.float16) is None
    pretend(monkeypatch, AMPERE)
    assert precision.why_slow(GPU, torch.bfloat16) is None


@pytest.mark.parametrize("choice", ["bf16", "fp32"])
def test_the_command_line_says_it_on_the_error_stream(monkeypatch, tmp_path, capsys, choice):
    monkeypatch.setattr(precision, "cpu_has_bf16", lambda: False)
    Image.new("RGB", (8, 8), "teal").save(tmp_path / "in.png")
    options = ["--denoiser", "autoencoder", "--device", "cpu", "--precision", choice]
    assert main(["denoise", str(tmp_path / "in.png"), "-o", str(tmp_path / "out.png"), *options]) == 0
    assert ("autoencoder: bf16 is only emulated" in capsys.readouterr().err) == (choice == "bf16")


@pytest.mark.parametrize(("choice", "said"), [("bf16", True), ("auto", False)])
def test_load_denoiser_says_that_emulated_bfloat16_is_slow(monkeypatch, choice, said):
    monkeypatch.setattr(precision, "cpu_has_bf16", lambda: False)
    answer = LoadDenoiser().load("autoencoder", choice, "cpu", 0)
    for text in (answer["ui"]["text"][0], answer["result"][1]):
        assert ("bf16 is only emulated" in text) == said
