"""Chains of convolutions with centred features: the same answers, and a fraction of bfloat16's rounding."""

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from realdenoise.models.centred import CentredChain
from realdenoise.models.fused import fused
from realdenoise.models.loader import load_denoiser
from realdenoise.models.lora import adapted
from realdenoise.models.networks.convolution_chain import ChainShape, plain_convolutions, probe_for
from realdenoise.models.networks.dncnn import DnCNN
from realdenoise.models.quantise import quantised


@given(st.integers(1, 9), st.integers(1, 9), st.booleans(), st.booleans())
@settings(max_examples=25, deadline=None)
def test_nothing_changes_but_the_rounding(height, width, batch_norm, plainly):
    torch.manual_seed(0)
    chain = ChainShape(4, 3, depth=4, width=8, batch_norm=batch_norm).build().eval()
    for layer in chain:
        if getattr(layer, "bias", None) is not None:
            torch.nn.init.normal_(layer.bias)  # so that some features are never zero, and some always
    convolutions = plain_convolutions(chain)
    twin = CentredChain(convolutions, probe_for(convolutions), torch.float32)
    for layer in twin.chain.layers:
        layer.fuses &= not plainly
    picture = torch.rand(2, 4, height, width)
    with torch.no_grad():
        assert torch.allclose(twin(picture), chain(picture), atol=1e-5)


def test_a_bright_feature_keeps_its_details():
    """100 ± 0.1, where bfloat16 knows every second quarter only."""
    bright, same = (torch.nn.Conv2d(1, 1, 3, padding=1) for _ in range(2))
    with torch.no_grad():
        for convolution, gain, offset in ((bright, 0.2, 99.9), (same, 1.0, 0.0)):
            convolution.weight.zero_()[0, 0, 1, 1] = gain
            convolution.bias.fill_(offset)
        picture = torch.rand(1, 1, 32, 32)
        probe = torch.linspace(0, 1, 32).expand(1, 1, 32, 32)
        result = CentredChain([bright, same], probe, torch.bfloat16)(picture)
    assert (result - (99.9 + 0.2 * picture)).abs().max() < 0.003


def noisy_photo():
    """[1,3,56,56] of a sample photograph with white noise of sigma 15."""
    pixels = np.asarray(Image.open(Path(__file__).parents[1] / "samples" / "cat.png").convert("RGB"))[200:256, 200:256]
    clean = torch.from_numpy(pixels.copy()).permute(2, 0, 1)[None] / 255
    return clean + torch.randn(clean.shape, generator=torch.Generator().manual_seed(0)) * 15 / 255


def rounding(network):
    """Root mean square of what bfloat16 changes away from the border: by autocast, and by the centred twin."""
    picture = noisy_photo()
    with torch.no_grad():
        exact, centred = network(picture), fused(network, torch.bfloat16)(picture)
        with torch.autocast("cpu", torch.bfloat16):
            plain = network(picture).float()
    return [float((answer - exact)[..., 16:-16, 16:-16].square().mean().sqrt()) for answer in (plain, centred)]


def test_sparse_features_lose_no_more_than_before():
    plain, centred = rounding(load_denoiser("dncnn_color_blind", device="cpu", precision="fp32").network)
    assert centred < 1.1 * plain < 0.5 / 255


def test_the_authors_weights_lose_a_fraction(shared):
    file = shared / "data/published/dncnn_color_blind.safetensors"
    plain, centred = rounding(load_denoiser(file, device="cpu", precision="fp32").network)
    assert centred < 0.3 * plain and centred < 0.2 / 255


@pytest.mark.parametrize("change", [lambda n: quantised(n, "int8"), lambda n: adapted(n, rank=2), lambda n: n.train()])
def test_stored_adapted_and_learning_chains_stay_as_they_are(change):
    network = change(DnCNN(depth=4, width=8, batch_norm=True))
    assert not any(isinstance(module, CentredChain) for module in fused(network, torch.bfloat16).modules())
