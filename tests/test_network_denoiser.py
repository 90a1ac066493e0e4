"""The contract around a network: tiles, precision, NaN guard, memory, channels, cancel."""

import pytest
import torch
from realdenoise.imaging.level import DenoiseError, Level
from realdenoise.models import network_denoiser
from realdenoise.models.contract import Spec
from realdenoise.models.network_denoiser import NetworkDenoiser
from realdenoise.models.placement import PlainPlacement
from realdenoise.models.tile_queue import is_out_of_memory
from realdenoise.monitor import Monitor
from torch import nn

CPU = torch.device("cpu")


def wrap(network: nn.Module, precision="fp32", tile=0, **facts) -> NetworkDenoiser:
    spec = Spec(name="probe", architecture="Probe", **facts)
    return NetworkDenoiser(network, spec, PlainPlacement(network, CPU), precision, tile)


def convolutions(seed=0, channels=3, depth=4) -> nn.Module:
    torch.manual_seed(seed)
    layers = [nn.Conv2d(channels, channels, 3, padding=1) for _ in range(depth)]
    return nn.Sequential(*layers)


@pytest.mark.parametrize("size", [(1, 1), (65, 131), (128, 200)])
def test_tiled_equals_whole(size):
    picture = torch.rand(2, 3, *size)
    network = convolutions()
    whole = wrap(network, tile=1024, radius=4)(picture)
    tiled = wrap(network, tile=64, radius=4)(picture)
    assert (whole - tiled).abs().max() < 1e-6


def test_too_small_a_halo_would_show():
    picture, network = torch.rand(1, 3, 150, 150), convolutions()
    whole = wrap(network, tile=1024, radius=4)(picture)
    seam = (wrap(network, tile=64, radius=4, halo=1)(picture) - whole).abs().max()
    assert seam > 1e-4


class ForgetfulNetwork(nn.Module):
    """Runs out of memory on windows above a size, as a small GPU would."""

    def __init__(self, limit: int) -> None:
        super().__init__()
        self.limit, self.windows = limit, []

    def forward(self, x):
        if x.shape[-1] * x.shape[-2] > self.limit:
            raise torch.cuda.OutOfMemoryError("out of memory")
        self.windows.append(tuple(x.shape[-2:]))
        return x * 0.5


def test_out_of_memory_halves_the_tile_and_keeps_what_is_done():
    network = ForgetfulNetwork(limit=130 * 130)
    monitor = Monitor()
    picture = torch.rand(1, 3, 256, 300)
    result = wrap(network, tile=128 * 2, radius=0)(picture, Level(), monitor)
    assert torch.allclose(result, picture * 0.5)
    assert sum(h * w for h, w in network.windows) == 256 * 300
    assert monitor.notes["tiles halved for memory"] is True


def test_after_running_out_of_memory_equally_large_tiles_are_not_tried_again():
    network = ForgetfulNetwork(limit=130 * 130)
    tries = []
    network.register_forward_pre_hook(lambda _, given: tries.append(given[0].shape[-2:].numel()))
    picture = torch.rand(1, 3, 256, 1024)
    assert torch.allclose(wrap(network, tile=256, radius=0)(picture), picture * 0.5)
    assert [pixels for pixels in tries if pixels > network.limit] == [256 * 256]


def test_small_windows_go_to_a_gpu_together(monkeypatch):
    monkeypatch.setattr(network_denoiser, "TOGETHER", 4 * 68 * 68)
    monkeypatch.setattr(network_denoiser, "BATCHING", ("cpu",))
    picture, sigma, network = torch.rand(1, 3, 64, 64 * 6), torch.rand(1, 1, 64, 64 * 6), Shifted()
    facts = {"conditioning": "sigma_map", "radius": 4}
    result = wrap(network, tile=64, **facts)(picture, Level(sigma))
    assert network.batches == [1, 4, 1]  # those at the border see less
    assert torch.allclose(result, wrap(network, tile=1024, **facts)(picture, Level(sigma)), atol=1e-6)


class Shifted(nn.Module):
    """Mixes neighbours and the noise level, and keeps the sizes of its batches."""

    def __init__(self) -> None:
        super().__init__()
        self.mix, self.batches = convolutions(), []

    def forward(self, x, sigma):
        self.batches.append(len(x))
        return self.mix(x) + sigma


def test_out_of_memory_with_several_windows_is_cured_by_fewer(monkeypatch):
    class Narrow(Shifted):
        def forward(self, x, sigma):
            if len(x) > 1:
                raise torch.cuda.OutOfMemoryError("out of memory")
            return super().forward(x, sigma)

    monkeypatch.setattr(network_denoiser, "BATCHING", ("cpu",))
    picture, network = torch.rand(1, 3, 64, 64 * 6), Narrow()
    result = wrap(network, tile=64, conditioning="sigma", radius=4)(picture, Level(0.5))
    assert torch.allclose(result, network.mix(picture) + 0.5, atol=1e-6)
    assert len(network.batches) == 6  # no window was halved


@pytest.mark.parametrize("facts", [{"radius": 0}, {"radius": 70}, {"radius": 64, "multiple": 128}])
@pytest.mark.parametrize("size", [(40, 40), (200, 300), (1, 500)])
def test_out_of_memory_on_the_smallest_tile_is_reported(facts, size):
    """A wide halo keeps every window large, however little of it is kept."""
    network, tries = ForgetfulNetwork(limit=0), []
    network.register_forward_pre_hook(lambda *_: tries.append(1) if len(tries) < 12 else pytest.fail("tries forever"))
    with pytest.raises(DenoiseError, match=r"memory ran out .* smallest tiles .*; close other"):
        wrap(network, **facts)(torch.rand(1, 3, *size))


def test_out_of_memory_on_a_long_narrow_picture_cuts_its_length():
    network, picture = ForgetfulNetwork(limit=20 * 200), torch.rand(1, 3, 20, 600)
    assert torch.allclose(wrap(network, tile=1024, radius=0)(picture), picture * 0.5)


class OverflowsInHalf(nn.Module):
    def forward(self, x):
        half = torch.is_autocast_enabled("cpu")
        return torch.full_like(x, float("nan")) if half else x


def test_nan_in_half_precision_is_repeated_in_float32():
    picture, monitor = torch.rand(1, 3, 20, 20), Monitor()
    assert torch.equal(wrap(OverflowsInHalf(), precision="bf16")(picture, Level(), monitor), picture)
    assert "repeated in fp32" in monitor.notes


def test_nan_in_float32_is_an_error():
    class Broken(nn.Module):
        def forward(self, x):
            return x / 0 * 0

    with pytest.raises(DenoiseError, match="probe gives NaN"):
        wrap(Broken())(torch.rand(1, 3, 8, 8))


def test_gray_network_takes_the_planes_of_a_colour_picture_apart():
    picture = torch.rand(2, 3, 9, 7)
    network = convolutions(channels=1)
    result = wrap(network, channels=1, radius=4)(picture)
    planes = [network(picture[:, c : c + 1]) for c in range(3)]
    assert torch.allclose(result, torch.cat(planes, 1), atol=1e-6)


def test_colour_network_on_gray_gives_the_mean_of_its_planes():
    picture = torch.rand(2, 1, 9, 7)
    network = convolutions()
    expected = network(picture.expand(-1, 3, -1, -1)).mean(1, keepdim=True)
    assert torch.allclose(wrap(network, radius=4)(picture), expected, atol=1e-6)


def test_cancel_is_seen_between_layers():
    class CancelledError(Exception):
        pass

    calls = []

    def cancel():
        calls.append(1)
        if len(calls) > 2:
            raise CancelledError

    with pytest.raises(CancelledError):
        wrap(convolutions(depth=10), radius=10)(torch.rand(1, 3, 16, 16), Level(), Monitor(check_cancel=cancel))
    assert len(calls) == 3


class AddsSigma(nn.Module):
    def forward(self, x, sigma):
        return x + sigma


def test_sigma_map_is_cut_with_the_tiles():
    picture, sigma = torch.rand(1, 3, 100, 140), torch.rand(1, 1, 100, 140)
    result = wrap(AddsSigma(), tile=64, conditioning="sigma_map", radius=3)(picture, Level(sigma))
    assert torch.allclose(result, picture + sigma)


def test_each_frame_has_its_own_sigma_also_on_a_gray_network():
    picture, sigma = torch.zeros(2, 3, 5, 5), torch.tensor([0.1, 0.2])
    result = wrap(AddsSigma(), channels=1, conditioning="sigma", radius=0)(picture, Level(sigma))
    assert torch.allclose(result, sigma.view(2, 1, 1, 1).expand_as(picture))


def test_unknown_sigma_is_estimated_and_said():
    noisy = torch.full((1, 3, 64, 64), 0.5) + 0.1 * torch.randn(1, 3, 64, 64, generator=torch.manual_seed(0))
    monitor = Monitor()
    result = wrap(AddsSigma(), conditioning="sigma", radius=0)(noisy, Level(), monitor)
    assert (result - noisy).mean() == pytest.approx(0.1, rel=0.1)
    assert "sigma (estimated)" in monitor.notes


def test_more_sigmas_than_frames_are_refused():
    denoiser = wrap(AddsSigma(), conditioning="sigma", radius=0)
    for frames, sigmas in ((1, 3), (4, 3)):
        with pytest.raises(DenoiseError, match=rf"sigma has shape \({sigmas}, 1, 1, 1\)"):
            denoiser(torch.rand(frames, 3, 8, 8), Level(torch.full((sigmas,), 0.1)))


@pytest.mark.parametrize(
    "words",
    [
        "[enforce fail at alloc_cpu.cpp] data. DefaultCPUAllocator: not enough memory: you tried to allocate 8 bytes.",
        "[enforce fail at alloc_cpu.cpp] . DefaultCPUAllocator: can't allocate memory: you tried to allocate 8 bytes.",
        "CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`",
        "cuDNN error: CUDNN_STATUS_ALLOC_FAILED",
    ],
)
def test_all_the_words_for_too_little_memory(words):
    assert is_out_of_memory(RuntimeError(words)) and not is_out_of_memory(RuntimeError("size mismatch"))


@pytest.mark.parametrize(
    ("sigma", "problem"), [(-0.1, "not negative"), (float("nan"), "finite"), (torch.rand(1, 1, 3, 3), "shape")]
)
def test_bad_sigma_is_named(sigma, problem):
    with pytest.raises(DenoiseError, match=problem):
        wrap(AddsSigma(), conditioning="sigma_map", radius=0)(torch.rand(1, 3, 8, 8), Level(sigma))


def test_compiled_on_request_only(monkeypatch):
    calls = []
    monkeypatch.setattr(torch, "compile", lambda network: calls.append(network) or network)
    network, picture = convolutions(), torch.rand(1, 3, 100, 100)
    spec, placement = Spec(name="probe", architecture="Probe", radius=4), PlainPlacement(network, CPU)
    plain = NetworkDenoiser(network, spec, placement, "fp32", 64)(picture)
    assert calls == []
    assert torch.equal(NetworkDenoiser(network, spec, placement, "fp32", 64, compiled=True)(picture), plain)
    assert calls == [network]  # once for all tiles


@pytest.mark.parametrize(
    ("precision", "facts", "halo"),
    [
        ("fp32", {"radius": 90, "halo": 80, "halo_half": 12}, 80),
        ("bf16", {"radius": 90, "halo": 80, "halo_half": 12}, 12),
        ("bf16", {"radius": 90, "halo": 80}, 64),
        ("bf16", {"radius": 20}, 20),
        ("fp32", {}, 64),
    ],
)
def test_half_precision_has_its_own_halo(precision, facts, halo):
    monitor = Monitor()
    wrap(convolutions(), precision, tile=64, **facts)(torch.rand(1, 3, 200, 200), Level(), monitor)
    assert monitor.notes["halo"] == halo
