"""Other people's networks through spandrel, behind the same contract and without its traps."""

import sys

import pytest
import torch
from realdenoise.imaging.level import DenoiseError, Level
from realdenoise.models.loader import load_denoiser
from realdenoise.models.registry import Weights
from realdenoise.models.spandrel_bridge import load_foreign, pad_to_size
from realdenoise.monitor import Monitor
from safetensors.torch import save_file

spandrel = pytest.importorskip("spandrel")
from foreign_networks import NETWORKS, opened, saved, swinir  # noqa: E402
from spandrel.architectures.DnCNN import DnCNN  # noqa: E402
from spandrel.architectures.DRUNet import DRUNet  # noqa: E402
from spandrel.architectures.FBCNN import FBCNN  # noqa: E402


@pytest.mark.parametrize("name", [name for name in NETWORKS if name != "SCUNet"])
@pytest.mark.parametrize("size", [(64, 128), (33, 47)])
def test_output_is_the_raw_networks_and_not_clamped(tmp_path, name, size):
    network, denoiser = opened(tmp_path, name)
    assert denoiser.spec.architecture == name.split()[0]
    channels = 1 if "gray" in name else 3
    assert denoiser.spec.channels == channels
    picture = 3 * torch.rand(2, channels, *size) - 1
    result = denoiser(picture)
    assert result.shape == picture.shape
    assert result.min() < 0 and result.max() > 1
    if size == (64, 128) and name != "Uformer":
        with torch.no_grad():
            assert torch.allclose(result, network(picture), atol=1e-5)


def test_a_network_that_wants_squares_of_128_gets_them(tmp_path):
    network, denoiser = opened(tmp_path, "Uformer")
    picture = torch.rand(1, 3, 100, 150)
    padded = pad_to_size(picture, 256, 256)
    assert torch.equal(padded[..., :100, :150], picture)
    with torch.no_grad():
        assert torch.allclose(denoiser(picture), network(padded)[..., :100, :150], atol=1e-5)


def test_a_network_that_also_tells_the_jpeg_quality_gives_its_picture():
    torch.manual_seed(0)
    raw = FBCNN(in_nc=1, out_nc=1, nc=[4, 6, 8, 512], nb=2).eval()
    network, spec = load_foreign(Weights(raw.state_dict()), "fbcnn_gray")
    picture = torch.rand(1, 1, 24, 32)
    assert (spec.architecture, spec.channels) == ("FBCNN", 1)
    with torch.no_grad():
        assert torch.allclose(network(picture), raw(picture)[0], atol=1e-5)


def test_a_network_that_averages_the_picture_says_so_when_it_is_cut(tmp_path):
    _, denoiser = opened(tmp_path, "NAFNet")
    monitor, picture = Monitor(), torch.rand(1, 3, 64, 256)
    denoiser(picture, Level(), monitor)
    assert monitor.notes["tiles"] == 1 and "tiles blended" not in monitor.notes
    denoiser.tiled(64)(picture, Level(), monitor)
    assert "looks at the whole picture" in monitor.notes["tiles blended"]


def test_scunet_small_pictures_and_metadata(tmp_path):
    _, denoiser = opened(tmp_path, "SCUNet")
    assert denoiser.spec.global_statistics and denoiser.spec.half and denoiser.spec.fp16
    assert denoiser(torch.rand(1, 1, 5, 3)).shape == (1, 1, 5, 3)


def test_half_precision_is_only_chosen_where_it_is_safe(tmp_path):
    _, denoiser = opened(tmp_path, "NAFNet")
    assert denoiser.spec.half and not denoiser.spec.fp16


def test_gray_network_on_colour(tmp_path):
    network, denoiser = opened(tmp_path, "NAFNet gray")
    picture = torch.rand(1, 3, 16, 16)
    with torch.no_grad():
        planes = [network(picture[:, c : c + 1]) for c in range(3)]
    assert torch.allclose(denoiser(picture), torch.cat(planes, dim=1), atol=1e-5)


FOREIGN_WITH_LEVEL = {
    "DRUNet": lambda: DRUNet(in_nc=4, out_nc=3, nc=[4, 6, 8, 10], nb=2, upsample_mode="pixelshuffle"),
    "FDnCNN": lambda: DnCNN(in_nc=4, out_nc=3, nc=4, nb=17, act_mode="R", mode="FDnCNN"),
}


@pytest.mark.parametrize("name", FOREIGN_WITH_LEVEL)
def test_the_noise_level_is_told_and_batches_work(name):
    """spandrel's own call fixes it at 15/255, and fails on batches."""
    torch.manual_seed(0)
    raw = FOREIGN_WITH_LEVEL[name]().eval()
    for parameter in raw.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    network, spec = load_foreign(Weights(raw.state_dict()), "net")
    assert spec.conditioning == "sigma_map"
    picture, sigma = torch.rand(2, 3, 16, 24), torch.tensor([0.02, 0.3]).view(2, 1, 1, 1)
    with torch.no_grad():
        expected = raw(torch.cat([picture, sigma.expand(2, 1, 16, 24)], dim=1))
        assert torch.allclose(network(picture, sigma), expected, rtol=1e-5)
        assert (network(picture, sigma.flip(0)) - expected).abs().max() > 1e-4


def test_published_drunets_and_ffdnets_are_ours_and_take_a_level(tmp_path, shared):
    torch.manual_seed(0)
    drunet = saved(tmp_path, DRUNet(in_nc=4, out_nc=3, nc=[4, 6, 8, 10], nb=2))
    for path, architecture in ((drunet, "DRUNet"), (shared / "data/published/ffdnet_color.safetensors", "FFDNet")):
        denoiser = load_denoiser(path, device="cpu", precision="fp32")
        assert (denoiser.spec.architecture, denoiser.spec.conditioning) == (architecture, "sigma_map")
        noisy = torch.rand(2, 3, 17, 19)
        assert (denoiser(noisy, Level(0.02)) - denoiser(noisy, Level(0.3))).abs().max() > 1e-3


def test_restormer_needs_only_the_extra_package(tmp_path):
    """Its licence is not free, so it lies in a package of its own."""
    extra = pytest.importorskip("spandrel_extra_arches.architectures.Restormer")
    torch.manual_seed(0)
    raw = extra.Restormer(
        inp_channels=3, out_channels=3, dim=8, num_blocks=[1, 1, 1, 1], num_refinement_blocks=1, heads=[1, 2, 4, 8]
    ).eval()
    denoiser = load_denoiser(saved(tmp_path, raw), device="cpu", precision="fp32")
    picture = torch.rand(1, 3, 24, 33)
    assert denoiser.spec.architecture == "Restormer"
    with torch.no_grad():
        expected = raw(pad_to_size(picture, 24, 40))[..., :33]
    assert torch.allclose(denoiser(picture), expected, atol=1e-5)


def test_upscalers_are_refused(tmp_path):
    with pytest.raises(DenoiseError, match="enlarges pictures 2 times"):
        load_denoiser(saved(tmp_path, swinir(upscale=2)))


def test_a_file_that_only_resembles_an_architecture_is_refused(tmp_path):
    state = NETWORKS["NAFNet"]().state_dict()
    state.pop("ending.weight")
    path = tmp_path / "half.safetensors"
    save_file(state, path)
    with pytest.raises(DenoiseError, match=r"half.safetensors' (resembles|is of no known)"):
        load_denoiser(path)


def test_without_spandrel_the_way_out_is_named(tmp_path, monkeypatch):
    path = saved(tmp_path, NETWORKS["NAFNet"]())
    monkeypatch.setitem(sys.modules, "spandrel", None)
    with pytest.raises(DenoiseError, match="pip install spandrel"):
        load_denoiser(path)


def test_extra_architectures_are_asked_where_they_are_installed(tmp_path, monkeypatch):
    """A stand-in for `spandrel_extra_arches`, which few have: its registry is added, the main one stays untouched."""
    from spandrel import Architecture, ArchRegistry, ArchSupport, ImageModelDescriptor

    class Twice(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.gain = torch.nn.Parameter(torch.ones(1))

        def forward(self, x):
            return self.gain * x

    class TwiceArch(Architecture):
        def __init__(self):
            super().__init__(id="Twice", detect=lambda state: "gain" in state)

        def load(self, state_dict):
            return ImageModelDescriptor(Twice(), state_dict, self, "Restoration", [], True, True, 1, 3, 3)

    registry = ArchRegistry()
    registry.add(ArchSupport.from_architecture(TwiceArch()))
    package = tmp_path / "spandrel_extra_arches"
    package.mkdir()
    (package / "__init__.py").write_text("")
    monkeypatch.syspath_prepend(tmp_path)
    import spandrel_extra_arches

    spandrel_extra_arches.EXTRA_REGISTRY = registry
    try:
        network, spec = load_foreign(Weights({"gain": torch.tensor([2.0])}), "twice")
    finally:
        del sys.modules["spandrel_extra_arches"]
    assert spec.architecture == "Twice" and "Twice" not in spandrel.MAIN_REGISTRY
    assert torch.equal(network(torch.ones(1, 3, 4, 4)), torch.full((1, 3, 4, 4), 2.0))
