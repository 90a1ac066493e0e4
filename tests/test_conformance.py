"""Every denoiser, whatever it is, keeps the one contract on pictures of every kind."""

import pytest
import realdenoise
import torch
from realdenoise.imaging.level import Level
from realdenoise.models.classical.base import classical
from realdenoise.models.loader import bundled, load_denoiser
from realdenoise.models.network_denoiser import NetworkDenoiser
from realdenoise.models.networks.autoencoder import DenoisingAutoencoder
from realdenoise.models.networks.dncnn import DnCNN
from realdenoise.models.networks.drunet import DRUNet
from realdenoise.models.networks.fdncnn import FDnCNN
from realdenoise.models.networks.ffdnet import FFDNet
from realdenoise.models.networks.ridnet import RIDNet
from realdenoise.models.networks.vae import DenoisingVAE
from realdenoise.models.placement import PlainPlacement
from realdenoise.models.registry import Weights, find
from realdenoise.models.wrappers.ensemble import SelfEnsemble, WeightedEnsemble
from realdenoise.models.wrappers.luma import LumaOnly

OPTIONAL = {"bm3d"}
"""Methods that need a package few have."""


def network(make):
    torch.manual_seed(0)
    module = make().eval()
    weights = Weights(module.state_dict())
    spec = find(weights).spec(weights)
    return NetworkDenoiser(module, spec, PlainPlacement(module, torch.device("cpu")), "fp32")


NETWORKS = {
    "DnCNN": lambda: network(lambda: DnCNN(3, 4, 8)),
    "DnCNN gray": lambda: network(lambda: DnCNN(1, 4, 8)),
    "FDnCNN": lambda: network(lambda: FDnCNN(3, 4, 8)),
    "FFDNet": lambda: network(lambda: FFDNet(3, 4, 8)),
    "FFDNet gray": lambda: network(lambda: FFDNet(1, 4, 8)),
    "DRUNet": lambda: network(lambda: DRUNet(3, (8, 8, 8, 8), 1)),
    "RIDNet": lambda: network(lambda: RIDNet(3, 16)),
    "autoencoder": lambda: network(lambda: DenoisingAutoencoder(3, 8, 16, 1)),
    "VAE": lambda: network(lambda: DenoisingVAE(3, 8, 16, 1)),
    "gray on luma": lambda: LumaOnly(network(lambda: DnCNN(1, 4, 8))),
    "x8": lambda: SelfEnsemble(network(lambda: DnCNN(3, 4, 8))),
    "two": lambda: WeightedEnsemble([network(lambda: FFDNet(3, 4, 8)), network(lambda: DnCNN(3, 4, 8))], [1, 2]),
    **{name: lambda name=name: load_denoiser(name, device="cpu") for name in bundled()},
}
METHODS = {name: lambda name=name: classical()[name] for name in classical() if name not in OPTIONAL}


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16])
@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize("batch", [1, 3])
@pytest.mark.parametrize("name", [*NETWORKS, *METHODS])
def test_small_pictures(name, batch, channels, dtype):
    denoiser = {**NETWORKS, **METHODS}[name]()
    size = (33, 47) if name in NETWORKS and name not in bundled() else (17, 24)
    image = torch.rand(batch, *size, channels, generator=torch.manual_seed(1)).to(dtype)
    before = image.clone()
    result = realdenoise.denoise(image, denoiser, sigma=0.1)
    assert torch.equal(image, before)
    assert result.shape == image.shape and result.dtype == dtype and torch.isfinite(result).all()
    assert (result[..., :3] - image[..., :3]).abs().max() > 1e-3
    assert torch.equal(result[..., 3:], image[..., 3:])
    last = realdenoise.denoise(image[-1:], denoiser, sigma=0.1)
    assert (last.float() - result[-1:].float()).abs().max() < 2e-3


@pytest.mark.parametrize("name", [name for name in NETWORKS if name not in bundled()])
def test_larger_pictures(name):
    image = torch.rand(1, 512, 512, 3, generator=torch.manual_seed(1))
    assert realdenoise.denoise(image, NETWORKS[name](), sigma=0.1).shape == image.shape


@pytest.mark.slow
@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize("name", [*bundled(), *METHODS])
def test_larger_pictures_of_slower_denoisers(name, channels):
    image = torch.rand(1, 512, 512, channels, generator=torch.manual_seed(1))
    assert realdenoise.denoise(image, {**NETWORKS, **METHODS}[name](), sigma=0.1).shape == image.shape


@pytest.mark.parametrize("name", [*NETWORKS, *METHODS])
def test_values_outside_the_unit_range_are_not_clamped(name):
    """Samplers hand pictures around that leave [0,1]; what comes back is computed from all of them."""
    denoiser = {**NETWORKS, **METHODS}[name]()
    picture = torch.rand(1, 3, 16, 16, generator=torch.manual_seed(1))
    wide = 4 * picture - 1.5
    inside, outside = denoiser(wide.clamp(0, 1), Level(0.1)), denoiser(wide, Level(0.1))
    assert torch.isfinite(outside).all() and (inside - outside).abs().max() > 0.01
