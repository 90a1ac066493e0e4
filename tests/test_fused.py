"""The faster twin of a network: the same answers, other weights left alone."""

import pytest
import torch
from realdenoise.imaging.level import Level
from realdenoise.models.fused import FusedConvolution, can_fuse, fused
from realdenoise.models.loader import load_denoiser
from realdenoise.models.lora import adapted
from realdenoise.models.networks.dncnn import DnCNN
from realdenoise.models.networks.drunet import DRUNet
from realdenoise.models.networks.interpolation_unet import InterpolationUNet
from realdenoise.models.quantise import quantised
from torch import nn

CPU = torch.device("cpu")
needs_bf16 = pytest.mark.skipif(not can_fuse(CPU, torch.bfloat16), reason="this CPU does not multiply bfloat16")


def answer(network, dtype, *inputs):
    with torch.no_grad(), torch.autocast("cpu", dtype, enabled=dtype != torch.float32):
        return network(*inputs).float()


def error(result, exact):
    """Root mean square, relative to that of the exact result."""
    return float((result - exact).square().mean().sqrt() / exact.square().mean().sqrt())


def test_a_sequence_is_bit_equal_in_float32():
    torch.manual_seed(0)
    pairs = [(nn.Conv2d(3 if i == 0 else 16, 16, 3, padding=1), nn.ReLU()) for i in range(5)]
    network = nn.Sequential(*(layer for pair in pairs for layer in pair), nn.Conv2d(16, 3, 1))
    picture = torch.rand(2, 3, 33, 47).contiguous(memory_format=torch.channels_last)
    twin = fused(network, torch.float32)
    assert sum(isinstance(module, FusedConvolution) for module in twin.modules()) == 5
    assert torch.equal(answer(twin, torch.float32, picture), answer(network, torch.float32, picture))


def residual_networks(frames):
    """Networks whose residual blocks are joined, and what they are given beside the picture."""
    number = torch.full((frames,), 0.3)
    unet = InterpolationUNet(width=16, blocks=(1, 1, 2))
    return [(unet.eval(), number), (DRUNet(widths=(8, 8, 16, 16), blocks=1).eval(), number.view(-1, 1, 1, 1))]


@pytest.mark.parametrize("frames", [1, 2])
def test_residual_networks_are_the_same_in_float32(frames):
    torch.manual_seed(0)
    picture = torch.rand(frames, 3, 40, 48)
    for network, extra in residual_networks(frames):
        twin = fused(network, torch.float32)
        assert any(isinstance(module, FusedConvolution) for module in twin.modules())
        plain, joined = (answer(n, torch.float32, picture, extra) - picture for n in (network, twin))
        assert error(joined, plain) < 2e-6


@needs_bf16
@pytest.mark.parametrize("frames", [1, 2])
def test_residual_networks_are_as_exact_as_autocast(frames):
    torch.manual_seed(0)
    picture = torch.rand(frames, 3, 40, 48)
    for network, extra in residual_networks(frames):
        exact = answer(network, torch.float32, picture, extra) - picture
        twins = (network, fused(network, torch.bfloat16))
        before, after = (error(answer(n, torch.bfloat16, picture, extra) - picture, exact) for n in twins)
        assert after < 1.1 * before < 0.05


def test_the_network_itself_is_left_as_it_was():
    network = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.ReLU(), nn.Conv2d(8, 3, 3, padding=1))
    before = list(network)
    twin = fused(network, torch.float32)
    assert list(network) == before and type(twin[0]) is FusedConvolution
    assert twin[2].weight is network[2].weight  # the last convolution has no ReLU: shared


@pytest.mark.parametrize("change", [lambda n: quantised(n, "int8"), lambda n: adapted(n, rank=2)])
def test_stored_and_adapted_weights_keep_their_own_layers(change):
    network = change(DnCNN(depth=4, width=16))
    assert not any(isinstance(module, FusedConvolution) for module in fused(network, torch.float32).modules())


def test_unusual_convolutions_keep_their_own_layers():
    layers = [nn.Conv2d(3, 3, 3, padding=1, padding_mode="reflect"), nn.ReLU(), nn.Conv2d(3, 3, 3, padding="same")]
    network = nn.Sequential(*layers, nn.ReLU())
    assert [type(module) for module in fused(network, torch.float32)] == [nn.Conv2d, nn.ReLU, nn.Conv2d, nn.ReLU]


@pytest.mark.parametrize("precision", ["fp32", pytest.param("bf16", marks=needs_bf16)])
def test_a_denoiser_follows_its_weights(precision):
    denoiser = load_denoiser("interpolation_unet", device="cpu", precision=precision)
    picture = torch.rand(1, 3, 64, 64)
    first = denoiser(picture, Level())
    assert torch.equal(denoiser(picture, Level()), first)
    with torch.no_grad():
        denoiser.network.head.weight.zero_()  # nothing is added to the picture any more
    assert torch.allclose(denoiser(picture, Level()), picture, atol=1e-6)
    with torch.no_grad():
        denoiser.network.stem.weight.fill_(float("nan"))
        denoiser.network.encoder[0].blocks[0].conv1.weight.zero_()
    with pytest.raises(ValueError, match="NaN"):
        denoiser(picture, Level())
