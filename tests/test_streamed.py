"""Rows that stream through a chain: the answer of the layers one after the other, in little memory."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from realdenoise.imaging.level import Level
from realdenoise.models import streamed
from realdenoise.models.fused import can_fuse, fused, lean_spec
from realdenoise.models.loader import load_denoiser
from realdenoise.models.networks.convolution_chain import ChainShape
from realdenoise.models.networks.dncnn import DnCNN
from realdenoise.models.networks.fdncnn import FDnCNN
from realdenoise.models.streamed import StreamedChain
from realdenoise.monitor import Monitor

CPU = torch.device("cpu")


@given(
    height=st.integers(1, 60),
    width=st.integers(1, 9),
    depth=st.integers(2, 7),
    rows=st.integers(1, 9),
    bias=st.booleans(),
    plainly=st.booleans(),
)
@settings(max_examples=60, deadline=None)
def test_strips_of_any_height_give_the_whole(height, width, depth, rows, bias, plainly):
    torch.manual_seed(depth)
    chain = ChainShape(4, 3, depth, width=8, bias=bias).build().eval()
    twin = fused(chain, torch.float32)
    assert isinstance(twin, StreamedChain)
    for layer in twin.layers:
        layer.fuses &= not plainly
    picture = torch.rand(2, 4, height, width)
    with pytest.MonkeyPatch.context() as patch, torch.no_grad():
        patch.setattr(streamed, "FEWEST_ROWS", rows)
        patch.setattr(streamed, "STRIP_BYTES", 1)
        assert torch.allclose(twin(picture), chain(picture), atol=1e-6)


def test_strips_are_as_high_as_the_cache_allows():
    chain = fused(DnCNN(depth=5, width=16).eval().model, torch.float32)
    seen = []
    for layer in chain.layers:
        layer.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0].numel() * 4))
    with torch.no_grad():
        chain(torch.rand(1, 3, 700, 800))
    most = 128 + 5 + 2  # rows
    assert len(seen) > 5 and max(seen) <= most * 802 * 16 * 4 < 2 * streamed.STRIP_BYTES


@pytest.mark.skipif(not can_fuse(CPU, torch.float32), reason="this PyTorch lacks oneDNN's fused convolution")
def test_a_picture_is_one_tile_where_whole_layers_would_need_many(tmp_path):
    network = FDnCNN(depth=3, width=96)
    placed = load_denoiser("dncnn_color_blind", device="cpu", precision="fp32")
    assert lean_spec(network, placed.spec) == placed.spec
    assert (
        lean_spec(fused(network.eval(), torch.float32), placed.spec).activation_bytes < placed.spec.activation_bytes / 4
    )
    monitor, picture = Monitor(), torch.rand(1, 3, 40, 1500)
    whole = placed(picture, Level(), monitor)
    assert monitor.notes["tiles"] == 1
    tiled = placed.tiled(256)(picture, Level(), monitor)
    assert monitor.notes["tiles"] > 4 and (tiled - whole).abs().max() < 1e-4


def test_a_run_can_be_stopped_between_strips(monkeypatch):
    class Impatient(Monitor):
        asked = 0

        def check(self):
            self.asked += 1
            if self.asked > 100:
                raise InterruptedError

    denoiser = load_denoiser("dncnn_color_blind", device="cpu", precision="fp32")
    monkeypatch.setattr(streamed, "STRIP_BYTES", 1)
    with pytest.raises(InterruptedError):
        denoiser(torch.rand(1, 3, 64, 16), Level(), Impatient())
