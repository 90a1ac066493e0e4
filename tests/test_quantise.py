"""Smaller weights: what is stored, what it costs, what is refused."""

import json

import pytest
import torch
from PIL import Image
from realdenoise.cli import main
from realdenoise.imaging.level import DenoiseError, Level
from realdenoise.imaging.sample_photos import load_sample
from realdenoise.models.classical.base import classical
from realdenoise.models.loader import load_denoiser
from realdenoise.models.networks.dncnn import DnCNN
from realdenoise.models.networks.interpolation_unet import InterpolationUNet
from realdenoise.models.networks.ridnet import RIDNet
from realdenoise.models.quantise import KINDS, pack, quantised, save_quantised, to_int8, unpack, weight_bytes
from realdenoise.models.quantise_report import Probe, gaussian_probes, quantise_denoiser
from realdenoise.models.weight_file import read_weights, write_weights
from realdenoise.nodes.quantise import QuantiseDenoiser
from torch import nn


def dncnn17():
    torch.manual_seed(0)
    return DnCNN(1, 17, 64).eval()


def test_int8_rounds_each_channel_to_half_a_step():
    weight = torch.randn(5, 4, 3, 3) * torch.tensor([1e-3, 0.1, 1, 10, 100]).view(5, 1, 1, 1)
    stored, scale = to_int8(weight)
    assert stored.dtype == torch.int8 and scale.shape == (5, 1, 1, 1)
    assert (stored.float() * scale - weight).abs().le(scale * 0.5001).all()
    assert stored.abs().amax(dim=(1, 2, 3)).eq(127).all()


def test_a_channel_of_zeros_stays_zero():
    stored, scale = to_int8(torch.zeros(2, 3, 3, 3))
    assert torch.equal(stored.float() * scale, torch.zeros(2, 3, 3, 3))


@pytest.mark.parametrize(("kind", "megabytes"), [("fp32", 2.22), ("bf16", 1.11), ("fp16", 1.11), ("int8", 0.56)])
def test_sizes_of_dncnn(tmp_path, kind, megabytes):
    network = dncnn17()
    smaller = network if kind == "fp32" else quantised(network, kind)
    assert weight_bytes(smaller) / 1e6 == pytest.approx(megabytes, abs=0.015)
    write_weights(tmp_path / "net.safetensors", pack(smaller), {})
    assert (tmp_path / "net.safetensors").stat().st_size / 1e6 == pytest.approx(megabytes, abs=0.02)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("make", [dncnn17, lambda: RIDNet(3, 16), lambda: InterpolationUNet(8, (1, 1, 1))])
def test_a_file_gives_the_same_network_back(tmp_path, kind, make):
    torch.manual_seed(0)
    network = make().eval()
    smaller = quantised(network, kind)
    save_quantised(tmp_path / "net.safetensors", smaller, kind, {"data": "none"})
    loaded = load_denoiser(tmp_path / "net.safetensors", device="cpu", precision="fp32")
    assert loaded.spec.card["quantisation"] == kind and loaded.spec.card["data"] == "none"
    assert weight_bytes(loaded.network) == weight_bytes(smaller) < 0.7 * weight_bytes(network)
    stored, again = pack(smaller), pack(loaded.network)
    assert stored.keys() == again.keys() and all(torch.equal(stored[key], again[key]) for key in stored)


def test_the_original_is_left_alone_and_gradients_are_not_needed():
    network = dncnn17()
    before = {key: value.clone() for key, value in network.state_dict().items()}
    smaller = quantised(network, "int8")
    assert all(torch.equal(before[key], value) for key, value in network.state_dict().items())
    assert all(p.requires_grad for p in network.parameters())
    with torch.no_grad():
        change = (smaller(torch.rand(1, 1, 20, 20)) - network(torch.rand(1, 1, 20, 20))).abs().max()
    assert 0 < change < 1


def test_unpack_leaves_plain_files_alone():
    state = {"scale": torch.ones(2), "a_scale": torch.ones(1), "time_scale": torch.ones(1)}
    assert unpack(state).keys() == state.keys()


def test_plain_tensors_beside_others_called_scales_are_left_alone():
    state = {"gain": torch.rand(3), "gain_scale": torch.rand(3), "a_scale_b": torch.rand(1), "a": torch.rand(1)}
    unpacked = unpack(state)
    assert unpacked.keys() == state.keys() and all(torch.equal(unpacked[key], state[key]) for key in state)


def test_a_network_of_eight_bits_may_have_tensors_called_scales():
    class Scaled(nn.Module):
        def __init__(self):
            super().__init__()
            self.gain, self.gain_scale = nn.Parameter(torch.rand(3)), nn.Parameter(torch.rand(3))
            self.layer = nn.Conv2d(3, 3, 3)

    network = Scaled()
    unpacked = unpack(pack(quantised(network, "int8")))
    assert unpacked.keys() == network.state_dict().keys()
    assert torch.equal(unpacked["gain"], network.gain) and torch.equal(unpacked["gain_scale"], network.gain_scale)
    assert torch.allclose(unpacked["layer.weight"], network.layer.weight, atol=2e-3)


def test_a_kind_of_its_own_is_refused(tmp_path):
    with pytest.raises(DenoiseError, match="'int3' is unknown; use one of bf16, fp16, int8"):
        quantised(dncnn17(), "int3")
    write_weights(tmp_path / "net.safetensors", dncnn17().state_dict(), {"quantisation": "int3"})
    with pytest.raises(DenoiseError, match="int3"):
        load_denoiser(tmp_path / "net.safetensors")


def probes(count=1, channels=1):
    pictures = [torch.rand(count, 24, 30, channels, generator=torch.manual_seed(0))]
    spec = load_spec(channels)
    return gaussian_probes(pictures, 25 / 255, spec)


def load_spec(channels):
    from realdenoise.models.registry import Weights, find

    weights = Weights(DnCNN(channels, 3, 4).state_dict())
    return find(weights).spec(weights)


def opened(tmp_path, network=None):
    write_weights(tmp_path / "net.safetensors", (network or DnCNN(1, 3, 8)).state_dict(), {})
    return load_denoiser(tmp_path / "net.safetensors", device="cpu", precision="fp32")


def test_probes_have_the_networks_planes_and_the_right_noise():
    (probe,) = gaussian_probes([torch.full((1, 300, 500, 3), 0.5)], 0.1, load_spec(1))
    assert probe.clean.shape == (1, 1, 256, 256) and probe.level.sigma is None
    assert (probe.noisy - probe.clean).std() == pytest.approx(0.1, rel=0.02)
    assert len(gaussian_probes([torch.rand(2, 8, 8, 3), torch.rand(1, 8, 8, 3)], 0.1, load_spec(3))) == 3


def test_the_comparison_says_what_is_lost(tmp_path):
    denoiser = opened(tmp_path)
    smaller, comparison = quantise_denoiser(denoiser, "int8", probes(), limit=10)
    assert comparison.after.bytes < 0.5 * comparison.before.bytes
    picture = probes()[0]
    error = (smaller(picture.noisy).clamp(0, 1) - picture.clean).square().mean()
    assert comparison.after.psnr == pytest.approx(float(-10 * torch.log10(error)), abs=1e-3)
    assert f"{-comparison.drop:+.3f} dB" in str(comparison) and len(str(comparison).splitlines()) == 4


def test_a_loss_above_the_limit_is_refused(tmp_path):
    denoiser = opened(tmp_path)
    (probe,) = probes()
    perfect = Probe(denoiser(probe.noisy), probe.noisy, Level())
    with pytest.raises(
        DenoiseError, match=r"int8 weights cost net \d+\.\d+ dB on the probes, more than the limit of 0"
    ):
        quantise_denoiser(denoiser, "int8", [Probe(perfect.clean + 1e-6, probe.noisy)], limit=0.0)


def test_what_cannot_be_quantised_is_named(tmp_path):
    denoiser = opened(tmp_path)
    smaller, _ = quantise_denoiser(denoiser, "bf16", probes(), limit=10)
    with pytest.raises(DenoiseError, match="quantised already"):
        quantise_denoiser(smaller, "int8", probes())
    with pytest.raises(DenoiseError, match="has no weights to quantise"):
        quantise_denoiser(next(iter(classical().values())), "int8", probes())
    with pytest.raises(DenoiseError, match="at least one clean picture"):
        quantise_denoiser(denoiser, "int8", [])


def test_the_command_writes_a_smaller_file_once(tmp_path, capsys):
    opened(tmp_path, dncnn17())
    source, target = str(tmp_path / "net.safetensors"), str(tmp_path / "small.safetensors")
    Image.new("RGB", (20, 24), "teal").save(tmp_path / "probe.png")
    arguments = [
        "quantise",
        source,
        "-o",
        target,
        "--device",
        "cpu",
        "--limit",
        "9",
        "--probe",
        str(tmp_path / "probe.png"),
    ]
    assert main(arguments) == 0
    assert "0.56 MB" in capsys.readouterr().out
    assert read_weights(tmp_path / "small.safetensors").metadata["quantisation"] == "int8"
    assert main(arguments) == 2 and "--overwrite" in capsys.readouterr().err
    assert main([*arguments, "--overwrite", "--limit", "-99"]) == 1
    assert "more than the limit" in capsys.readouterr().err


def test_the_node_hands_on_the_smaller_denoiser_and_saves_it(tmp_path, monkeypatch):
    monkeypatch.setenv("REALDENOISE_MODELS", str(tmp_path / "models"))
    denoiser = opened(tmp_path)
    clean = torch.rand(1, 20, 20, 1)
    answer = QuantiseDenoiser().quantise(denoiser, "int8", 10.0, 25.0, "mine", clean)
    smaller, report = answer["result"]
    assert "saved as mine.safetensors" in report and answer["ui"]["text"] == [report]
    assert weight_bytes(smaller.network) < weight_bytes(denoiser.network)
    json.dumps(answer["ui"])
    assert (tmp_path / "models/mine.safetensors").is_file()


@pytest.mark.parametrize(("kind", "megabytes"), [("fp32", 6.0), ("bf16", 3.0), ("fp16", 3.0), ("int8", 1.5)])
def test_sizes_of_ridnet(kind, megabytes):
    network = RIDNet(3, 64).eval()
    smaller = network if kind == "fp32" else quantised(network, kind)
    assert weight_bytes(smaller) / 1e6 == pytest.approx(megabytes, abs=0.035)


@pytest.mark.parametrize("name", ["dncnn_color_blind", "interpolation_unet"])
def test_int8_costs_bundled_weights_at_most_a_tenth_of_a_decibel(name):
    denoiser = load_denoiser(name, device="cpu", precision="fp32")
    pictures = [load_sample(sample)[:, 100:196, 100:196] for sample in ("cat", "coffee")]
    _, comparison = quantise_denoiser(denoiser, "int8", gaussian_probes(pictures, 25 / 255, denoiser.spec), limit=0.1)
    assert comparison.drop < 0.1


@pytest.mark.parametrize("name", ["dncnn_gray_sigma25", "dncnn_gray_sigma25_bn"])
def test_int8_costs_published_weights_at_most_a_tenth_of_a_decibel(shared, name):
    denoiser = load_denoiser(shared / f"data/published/{name}.safetensors", device="cpu", precision="fp32")
    pictures = [load_sample(sample)[:, :128, :128] for sample in ("cat", "coffee")]
    _, comparison = quantise_denoiser(denoiser, "int8", gaussian_probes(pictures, 25 / 255, denoiser.spec), limit=0.1)
    assert comparison.drop < 0.05
