"""Other people's networks in files of ours: they load again, also in spandrel, or are refused before any work."""

import pytest
import torch
from realdenoise.imaging.level import DenoiseError
from realdenoise.models.loader import find_file, load_denoiser, load_network
from realdenoise.models.quantise import save_quantised
from realdenoise.models.quantise_report import gaussian_probes, quantise_denoiser
from realdenoise.models.weight_file import read_weights
from realdenoise.nodes.save_denoiser import SaveDenoiser
from realdenoise.training.in_memory import Apprentice, Lesson, noise_range
from realdenoise.training.objectives import Student
from realdenoise.training.run import train_from_folders
from safetensors.torch import save_file
from tiny_training import make_pictures, recipe

pytest.importorskip("spandrel")
from foreign_networks import NETWORKS, opened, saved
from spandrel.architectures.DRUNet import DRUNet

LESSON = Lesson("taught", noise_range("gaussian", 5, 50), minutes=0, steps=2, learning_rate=1e-3, crop=16, batch=1)


@pytest.fixture
def models(tmp_path, monkeypatch):
    monkeypatch.setenv("REALDENOISE_MODELS", str(tmp_path / "models"))
    return tmp_path / "models"


def again(file):
    return load_denoiser(file, device="cpu", precision="fp32")


def apprentice(denoiser, lesson=LESSON, **options) -> Apprentice:
    student = Student(denoiser.network, denoiser.spec)
    return Apprentice(lesson, student, torch.rand(1, 24, 24, 3), precision="fp32", **options)


@pytest.mark.parametrize("name", NETWORKS)
def test_a_saved_foreign_network_is_the_same(tmp_path, models, name):
    network, denoiser = opened(tmp_path, name)
    (path,) = SaveDenoiser().save(denoiser, "copy", "fp32", False)["result"]
    assert read_weights(models / "copy.safetensors").state.keys() == network.state_dict().keys()
    picture = torch.rand(1, denoiser.spec.channels, 16, 24)
    assert torch.equal(again(path)(picture), denoiser(picture))


@pytest.mark.parametrize("kind", ["int8", "fp16"])
def test_a_quantised_foreign_network_is_the_same(tmp_path, models, kind):
    denoiser = opened(tmp_path, "SwinIR")[1]
    probes = gaussian_probes([torch.rand(1, 16, 16, 3)], 0.1, denoiser.spec)
    smaller, _ = quantise_denoiser(denoiser, kind, probes, limit=99)
    save_quantised(tmp_path / "small.safetensors", smaller.network, kind, {})
    picture = torch.rand(1, 3, 16, 24)
    assert torch.equal(again(tmp_path / "small.safetensors")(picture), smaller(picture))
    (path,) = SaveDenoiser().save(again(tmp_path / "small.safetensors"), "once_more", "fp32", False)["result"]
    assert torch.equal(again(path)(picture), smaller(picture))


def test_a_trained_foreign_network_is_the_same(tmp_path):
    run = apprentice(opened(tmp_path, "NAFNet")[1])
    run.run()
    run.save(tmp_path / "taught.safetensors")
    picture = torch.rand(1, 3, 16, 24)
    with torch.no_grad():
        expected = run.network()[0](picture)
    assert torch.allclose(again(tmp_path / "taught.safetensors")(picture), expected, atol=1e-2)


def test_a_recipe_that_starts_from_a_foreign_network_leaves_a_file_that_loads(tmp_path):
    """This kind of DRUNet is spandrel's, and called like ours."""
    torch.manual_seed(0)
    start = saved(tmp_path, DRUNet(in_nc=4, out_nc=3, nc=[4, 6, 8, 10], nb=2, upsample_mode="pixelshuffle"))
    plan = recipe(network="DRUNet", init=str(start), options={}, schedule={"steps": 2})
    _, weights = train_from_folders(plan, tmp_path / "out", root=make_pictures(tmp_path), precision="fp32")
    assert again(weights).spec.conditioning == "sigma_map"
    assert read_weights(weights).state.keys() == read_weights(start).state.keys()


def test_a_foreign_network_whose_file_would_not_load_is_refused_before_any_work(tmp_path, models):
    """As those are which spandrel changes while it builds them."""
    denoiser = opened(tmp_path, "NAFNet")[1]
    denoiser.network.model.register_parameter("merged", torch.nn.Parameter(torch.ones(1)))
    calls = []
    denoiser.network.register_forward_pre_hook(lambda *_: calls.append(1))
    probes = gaussian_probes([torch.rand(1, 16, 16, 3)], 0.1, denoiser.spec)
    refused = pytest.raises(DenoiseError, match=r"'foreign' \(NAFNet\) .* could be loaded again; .*original")
    with refused:
        SaveDenoiser().save(denoiser, "copy", "fp32", False)
    with refused:
        quantise_denoiser(denoiser, "int8", probes)
    with refused:
        apprentice(denoiser)
    assert calls == [] and not models.exists()
    apprentice(denoiser, adapter=True)  # its file holds the adapter alone


@pytest.mark.parametrize("wrapping", ["module.", "_orig_mod.", "_orig_mod.module.", "module._orig_mod.module."])
@pytest.mark.parametrize("ending", [".safetensors", ".pth"])
def test_what_wrappers_put_before_the_names_is_left_out(tmp_path, wrapping, ending):
    state = load_network(find_file("dncnn_color_blind"))[0].state_dict()
    wrapped, file = {wrapping + key: value.clone() for key, value in state.items()}, tmp_path / f"wrapped{ending}"
    torch.save(wrapped, file) if ending == ".pth" else save_file(wrapped, file)
    network, spec = load_network(file)
    assert spec.architecture == "DnCNN" and all(torch.equal(network.state_dict()[key], state[key]) for key in state)


def test_the_only_network_in_a_checkpoint_is_found_under_any_name(tmp_path):
    state, file = load_network(find_file("dncnn_color_blind"))[0].state_dict(), tmp_path / "checkpoint.pth"
    optimiser = {"state": {0: {"exp_avg": torch.zeros(2)}}, "param_groups": [{"lr": 1e-3}]}
    torch.save({"epoch": 3, "ema_weights": state, "optimizer": optimiser}, file)
    assert load_network(file)[1].architecture == "DnCNN"
    torch.save({"generator_a": state, "generator_b": state}, file)
    with pytest.raises(DenoiseError, match="holds no tensors; name a file"):
        load_network(file)
