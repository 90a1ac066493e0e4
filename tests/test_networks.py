"""The pack's own networks: recognised from their tensors, any size, what they are told, seams of tiles."""

import pytest
import torch
import torch.nn.functional as F
from realdenoise.imaging.level import DenoiseError, Level
from realdenoise.models.adapters import predict_clean
from realdenoise.models.halo import measure_halo
from realdenoise.models.loader import build, bundled, find_file, load_denoiser, load_network
from realdenoise.models.network_denoiser import NetworkDenoiser
from realdenoise.models.networks.autoencoder import DenoisingAutoencoder
from realdenoise.models.networks.dncnn import DnCNN
from realdenoise.models.networks.drunet import DRUNet
from realdenoise.models.networks.drunet import receptive_radius as drunet_radius
from realdenoise.models.networks.fdncnn import FDnCNN
from realdenoise.models.networks.ffdnet import FFDNet
from realdenoise.models.networks.interpolation_unet import InterpolationUNet
from realdenoise.models.networks.ridnet import RIDNet
from realdenoise.models.networks.vae import DenoisingVAE
from realdenoise.models.placement import PlainPlacement
from realdenoise.models.registry import Weights, find

CPU = torch.device("cpu")
NETWORKS = {
    "DnCNN": lambda: DnCNN(3, 4, 8),
    "DnCNN gray, batch norm": lambda: DnCNN(1, 4, 8, batch_norm=True, bias=False),
    "FDnCNN": lambda: FDnCNN(3, 4, 8),
    "FDnCNN gray": lambda: FDnCNN(1, 4, 8),
    "FFDNet": lambda: FFDNet(3, 4, 8),
    "FFDNet gray": lambda: FFDNet(1, 5, 8),
    "DRUNet": lambda: DRUNet(3, (8, 12, 16, 20), 1),
    "DRUNet gray, biased": lambda: DRUNet(1, (8, 12, 16, 20), 2, bias=True),
    "RIDNet": lambda: RIDNet(3, 16),
    "RIDNet on 0..255": lambda: RIDNet(3, 16, 255.0),
    "DenoisingAutoencoder": lambda: DenoisingAutoencoder(3, 4, 16, 1),
    "DenoisingAutoencoder gray": lambda: DenoisingAutoencoder(1, 4, 16, 2),
    "DenoisingVAE": lambda: DenoisingVAE(3, 4, 16, 1),
    "InterpolationUNet": lambda: InterpolationUNet(8, (1, 1, 1)),
}


def make(name):
    torch.manual_seed(0)
    network = NETWORKS[name]().eval()
    weights = Weights(network.state_dict())
    return network, find(weights), weights


def wrap(network, spec, **settings) -> NetworkDenoiser:
    return NetworkDenoiser(network, spec, PlainPlacement(network, CPU), **{"precision": "fp32", **settings})


@pytest.mark.parametrize("name", NETWORKS)
def test_the_state_dict_alone_gives_the_same_network_back(name):
    network, architecture, weights = make(name)
    assert architecture.name == name.split()[0]
    again, spec = build(architecture, weights)
    assert spec.channels == (1 if "gray" in name else 3)
    picture, level = torch.rand(2, spec.channels, 21, 35), Level(torch.tensor([0.05, 0.2]))
    with torch.no_grad():
        answers = [predict_clean(each, spec, picture, level) for each in (network, again)]
    assert torch.equal(*answers)
    assert (answers[0][0] - picture[0]).abs().max() > 1e-3


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("size", [(1, 1), (2, 9), (33, 47)])
def test_any_size_any_batch(name, size):
    network, architecture, weights = make(name)
    spec = architecture.spec(weights)
    picture = torch.rand(3, spec.channels, *size)
    result = wrap(network, spec)(picture, Level(0.1))
    assert result.shape == picture.shape and torch.isfinite(result).all()
    alone = wrap(network, spec)(picture[1:2], Level(0.1))
    assert (result[1:2] - alone).abs().max() < 1e-5


@pytest.mark.parametrize("name", [name for name in NETWORKS if "RIDNet" not in name])
def test_nothing_beyond_the_stated_radius_matters(name):
    """The gradient of one pixel reaches no farther than `radius`, which makes tiles of that halo exact."""
    network, architecture, weights = make(name)
    spec = architecture.spec(weights)
    side = 2 * spec.radius + 3 * spec.multiple
    side += -side % spec.multiple
    picture = torch.rand(1, spec.channels, 8, side, requires_grad=True)
    for column in (side // 2, side // 2 + spec.multiple - 1):
        output = predict_clean(network, spec, picture, Level(0.1))
        (gradient,) = torch.autograd.grad(output[..., 4, column].sum(), picture)
        felt = torch.nonzero(gradient.abs().amax(dim=(0, 1, 2))).flatten()
        assert column - spec.radius <= felt.min() and felt.max() <= column + spec.radius


@pytest.mark.parametrize("name", [name for name in NETWORKS if "RIDNet" not in name])
def test_tiles_equal_the_whole(name):
    network, architecture, weights = make(name)
    spec = architecture.spec(weights)
    picture = torch.rand(1, spec.channels, 131, 201)
    whole, tiled = (wrap(network, spec, tile=tile)(picture, Level(0.1)) for tile in (1024, 64))
    assert (whole - tiled).abs().max() < 1e-5


def test_ridnet_looks_at_the_whole_picture_and_its_tiles_fade_into_each_other():
    network, architecture, weights = make("RIDNet")
    spec = architecture.spec(weights)
    picture = torch.linspace(0, 1, 256).expand(1, 3, 70, 256).contiguous()
    whole, tiled = (wrap(network, spec, tile=tile)(picture) for tile in (1024, 128))
    assert 1e-6 < (whole - tiled).abs().max() < 0.02
    seam = (tiled - whole).diff(dim=-1).abs().max()
    assert seam < 1e-3


def ramp_sigma(height, width):
    return torch.linspace(0.02, 0.2, width).expand(1, 1, height, width).contiguous()


@pytest.mark.parametrize("name", ["FDnCNN", "FFDNet", "DRUNet"])
def test_a_constant_map_equals_the_number(name):
    network, architecture, weights = make(name)
    spec = architecture.spec(weights)
    picture = torch.rand(2, 3, 23, 37)
    number, plane = (wrap(network, spec)(picture, Level(s)) for s in (0.1, torch.full((2, 1, 23, 37), 0.1)))
    assert torch.allclose(number, plane, atol=1e-6)
    ramp = wrap(network, spec)(picture, Level(ramp_sigma(23, 37).expand(2, -1, -1, -1)))
    assert (ramp - number).abs().max() > 1e-4


def test_ffdnet_doubles_the_last_row_and_column_of_odd_sizes():
    network, _, _ = make("FFDNet")
    picture, sigma = torch.rand(1, 3, 21, 33), torch.full((1, 1, 1, 1), 0.1)
    even = F.pad(picture, (0, 1, 0, 1), mode="replicate")
    with torch.no_grad():
        assert torch.equal(network(picture, sigma), network(even, sigma)[..., :21, :33])


def test_ffdnet_with_a_map_beats_the_best_number_on_uneven_noise(shared, cbsd68):
    denoiser = load_denoiser(shared / "data/published/ffdnet_color.safetensors", device="cpu", precision="fp32")
    clean = cbsd68(1, 0)[0][0].permute(0, 3, 1, 2)[..., :160, :240]
    sigma = torch.linspace(5, 60, 240).expand(1, 1, 160, 240).contiguous() / 255
    noisy = clean + sigma * torch.randn(clean.shape, generator=torch.manual_seed(0))

    def score(level):
        return float(-10 * torch.log10((denoiser(noisy, Level(level)).clamp(0, 1) - clean).square().mean()))

    numbers = [score(float(s)) for s in (25 / 255, sigma.mean(), sigma.square().mean().sqrt(), 45 / 255)]
    assert score(sigma) > max(numbers) + 0.8


@pytest.mark.parametrize("fresh", [DnCNN, FDnCNN, FFDNet])
def test_a_fresh_chain_lets_the_picture_through(fresh):
    """Otherwise twenty layers without batch norm never begin to learn."""
    chain = fresh().model
    picture = torch.rand(1, chain[0].in_channels, 32, 32, generator=torch.manual_seed(0))
    with torch.no_grad():
        assert 1e-3 < float(chain(picture).std() / picture.std()) < 0.1


def test_drunet_has_the_published_size_and_names():
    with torch.device("meta"):
        network = DRUNet()
    # 32.6 million parameters (arXiv 2008.13751, section 4), names of the authors' toolbox
    assert sum(p.numel() for p in network.parameters()) == pytest.approx(32.6e6, rel=2e-3)
    names = {"m_head.weight", "m_down1.3.res.2.weight", "m_down3.4.weight", "m_body.0.res.0.weight", "m_up1.0.weight"}
    assert names <= network.state_dict().keys() and len(network.state_dict()) == 64
    assert drunet_radius(4) == 185


def test_ridnet_has_the_published_size_and_names():
    network = RIDNet()
    # 1.5 million parameters (arXiv 1904.07396, table 3)
    assert sum(p.numel() for p in network.parameters()) == pytest.approx(1.5e6, rel=0.02)
    names = {
        "sub_mean.bias",
        "head.body.0.weight",
        "b1.r1.body1.2.weight",
        "b4.r3.body.4.bias",
        "b2.ca.c2.body.0.weight",
    }
    assert names <= network.state_dict().keys()


def test_ridnet_files_on_the_0_to_255_scale_are_told_apart():
    ours, theirs = RIDNet(3, 16, 1.0), RIDNet(3, 16, 255.0)
    theirs.load_state_dict(
        {**ours.state_dict(), "sub_mean.bias": theirs.sub_mean.bias, "add_mean.bias": theirs.add_mean.bias}
    )
    weights = Weights(theirs.state_dict())
    rebuilt, _ = build(find(weights), weights)
    assert rebuilt.scale == 255.0
    picture = torch.rand(1, 3, 8, 8)
    with torch.no_grad():
        assert torch.equal(rebuilt(picture), theirs.eval()(picture))


def test_the_code_of_an_autoencoder_is_smaller_than_the_picture():
    network = DenoisingAutoencoder()
    assert network.encoder(torch.rand(1, 3, 32, 48)).shape == (1, 32, 8, 12)
    assert 32 * 8 * 12 < 3 * 32 * 48


def test_a_vae_refuses_codes_whose_noise_fills_no_planes():
    with pytest.raises(ValueError, match="multiple of 16"):
        DenoisingVAE(code=20)


@pytest.mark.parametrize("name", bundled())
def test_bundled_networks_tile_without_a_seam(name):
    network, spec = load_network(find_file(name))
    if spec.global_statistics:
        pytest.skip("has no halo by nature")
    torch.manual_seed(0)
    smooth = F.interpolate(torch.rand(1, spec.channels, 12, 20), size=(227, 301), mode="bicubic").clamp(0, 1)
    picture = smooth + 0.1 * torch.randn_like(smooth)
    whole, tiled = (wrap(network, spec, tile=tile)(picture, Level(0.1)) for tile in (1024, 96))
    assert (whole - tiled).abs().max() < 1e-4


class Shifts(torch.nn.Module):
    """Output is the input moved by a number of pixels: its halo is known."""

    def __init__(self, pixels):
        super().__init__()
        self.pixels = pixels

    def forward(self, x):
        return F.pad(x, (self.pixels, 0))[..., : x.shape[-1]]


@pytest.mark.parametrize(
    ("pixels", "multiple", "radius", "halo"), [(5, 1, None, 5), (5, 4, None, 8), (9, 1, 7, 7), (0, 1, None, 0)]
)
def test_halo_is_measured(pixels, multiple, radius, halo):
    _, architecture, weights = make("DnCNN")
    spec = architecture.spec(weights).__class__("shifts", "Shifts", multiple=multiple, radius=radius)
    assert measure_halo(Shifts(pixels), spec, [torch.rand(1, 3, 40, 41)]) == halo


def test_halo_of_what_sees_everything_is_refused():
    network, architecture, weights = make("RIDNet")
    with pytest.raises(DenoiseError, match="looks at the whole picture"):
        measure_halo(network, architecture.spec(weights), [torch.rand(1, 3, 40, 40)])
    _, dncnn, weights = make("DnCNN")
    with pytest.raises(DenoiseError, match="wider than half"):
        measure_halo(Shifts(30), dncnn.spec(weights), [torch.rand(1, 3, 40, 41)])
