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
from realdenoise.models.wrappers.stabilised import VarianceStabilised
from realdenoise.models.zero_shot import ZeroShotDenoiser

OPTIONAL = {"bm3d"}
"""Methods that need a package few have."""


def network(make):
    torch.manual_seed(0)
    module = make().eval()
    weights = Weights(module.state_dict())
    spec = find(weights).spec(weights)
    return NetworkDenoiser(module, spec, PlainPlacement(module, torch.device("cpu")), "fp32")


def foreign():
    """A network that only spandrel knows."""
    pytest.importorskip("spandrel")
    from realdenoise.models.spandrel_bridge import load_foreign
    from spandrel.architectures.NAFNet import NAFNet

    torch.manual_seed(0)
    raw = NAFNet(img_channel=3, width=4, middle_blk_num=1, enc_blk_nums=[1, 1], dec_blk_nums=[1, 1])
    for parameter in raw.parameters():  # it starts with zeroed layers, which would change nothing
        torch.nn.init.normal_(parameter, std=0.1)
    module, spec = load_foreign(Weights(raw.state_dict()), "NAFNet")
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
    "NAFNet": foreign,
    "stabilised": lambda: VarianceStabilised(network(lambda: FFDNet(3, 4, 8)), 0.01, 0.001),
    "two": lambda: WeightedEnsemble([network(lambda: FFDNet(3, 4, 8)), network(lambda: DnCNN(3, 4, 8))], [1, 2]),
    **{name: lambda name=name: load_denoiser(name, device="cpu") for name in bundled()},
}
METHODS = {
    "zero shot": lambda: ZeroShotDenoiser(iterations=3, learning_rate=0.05),
    **{name: lambda name=name: classical()[name] for name in classical() if name not in OPTIONAL},
}
"""Iterative or slow ones, which are run on small pictures."""


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16])
@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize("batch", [1, 3])
@pytest.mark.parametrize("name", [*NETWORKS, *METHODS])
def test_small_pictures(name, batch, channels, dtype):
    denoiser = {**NETWORKS, **METHODS}[name]()
    size = (33, 47) if name in NETWORKS and name not in bundled() else (17, 24)
    image = (0.3 + 0.4 * torch.rand(batch, *size, channels, generator=torch.manual_seed(1))).to(dtype)
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


FULL = {
    **NETWORKS,
    **METHODS,
    "zero shot": lambda: ZeroShotDenoiser(iterations=200),
    **{name: lambda name=name: classical()[name] for name in OPTIONAL},
}


@pytest.mark.slow
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16])
@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize("batch", [1, 3])
@pytest.mark.parametrize("size", [(33, 47), (512, 512)])
@pytest.mark.parametrize("name", FULL)
def test_everything(name, size, batch, channels, dtype):
    """The whole matrix: networks, and filters at their real settings; those that take seconds only where small."""
    if name in OPTIONAL:
        pytest.importorskip(name)
    if size == (512, 512) and name in (*OPTIONAL, "zero shot"):
        pytest.skip("large pictures are for feed-forward networks; this one takes minutes for them")
    image = torch.rand(batch, *size, channels, generator=torch.manual_seed(1)).to(dtype)
    result = realdenoise.denoise(image, FULL[name](), sigma=0.1)
    assert result.shape == image.shape and result.dtype == dtype and torch.isfinite(result).all()
    assert torch.equal(result[..., 3:], image[..., 3:])


@pytest.mark.parametrize("name", [*NETWORKS, *METHODS])
def test_values_outside_the_unit_range_are_not_clamped(name):
    """Samplers hand pictures around that leave [0,1]; what comes back is computed from all of them."""
    denoiser = {**NETWORKS, **METHODS}[name]()
    picture = torch.rand(1, 3, 16, 16, generator=torch.manual_seed(1))
    wide = 4 * picture - 1.5
    inside, outside = denoiser(wide.clamp(0, 1), Level(0.1)), denoiser(wide, Level(0.1))
    assert torch.isfinite(outside).all() and (inside - outside).abs().max() > 0.01
