"""Classical denoisers: never below scikit-image at the same parameters, and well-behaved on every input."""

import sys
import time
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from realdenoise.imaging.level import DenoiseError, Level
from realdenoise.imaging.sample_photos import load_sample
from realdenoise.models.classical import shifts
from realdenoise.models.classical.base import classical
from realdenoise.models.classical.bilateral import bilateral
from realdenoise.models.classical.diffusion import heat
from realdenoise.models.classical.non_local_means import non_local_means
from realdenoise.models.classical.total_variation import total_variation
from realdenoise.models.classical.wavelet import wavelet
from realdenoise.models.loader import load_denoiser
from realdenoise.monitor import Monitor
from realdenoise.nodes import NODE_CLASS_MAPPINGS
from skimage import data, restoration

SIGMA = 25 / 255
TORCH_SIGMA = torch.full((1, 1, 1, 1), SIGMA)
OWN = sorted(set(classical()) - {"bm3d"})


@pytest.fixture(scope="module")
def cat() -> tuple[np.ndarray, np.ndarray]:
    """A photograph [120,160,3] and the same with noise of sigma 25."""
    clean = data.chelsea()[60:180, 100:260].astype(np.float32) / 255
    noise = np.random.default_rng(0).standard_normal(clean.shape, dtype=np.float32)
    return clean, clean + noise * np.float32(SIGMA)


def planes(picture: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(picture).permute(2, 0, 1)[None]


def decibels(clean: np.ndarray, picture) -> float:
    if isinstance(picture, torch.Tensor):
        picture = picture[0].permute(1, 2, 0).numpy()
    return float(-10 * np.log10(np.mean((picture - clean) ** 2)))


def nlm_of_both(noisy, sigma, axis, patch=5):
    """(ours, theirs) at the same parameters; theirs has a channel axis or none."""
    theirs = restoration.denoise_nl_means(
        noisy if axis is not None else noisy[..., 0],
        patch,
        6,
        h=0.7 * sigma,
        sigma=sigma,
        fast_mode=False,
        channel_axis=axis,
    )
    return non_local_means(planes(noisy), torch.full((1, 1, 1, 1), sigma), Monitor(), 0.7, patch), theirs


def small_nlm_of_both(noisy, sigma, axis):
    return nlm_of_both(noisy, sigma, axis, patch=3)


def tv_of_both(noisy, sigma, axis):
    theirs = restoration.denoise_tv_chambolle(
        noisy if axis is not None else noisy[..., 0], weight=0.8 * sigma, channel_axis=axis
    )
    return total_variation(planes(noisy), torch.full((1, 1, 1, 1), sigma), Monitor(), weight=0.8), theirs


def bilateral_of_both(noisy, sigma, axis):
    inside = noisy.clip(0, 1)  # scikit-image refuses values below zero
    settings = {"win_size": 11, "sigma_color": 2.8 * sigma, "sigma_spatial": 1.8, "bins": 100_000}
    theirs = restoration.denoise_bilateral(
        inside if axis is not None else inside[..., 0], **settings, channel_axis=axis
    )
    return bilateral(planes(inside), torch.full((1, 1, 1, 1), sigma), Monitor(), 1.8, 2.8), theirs


def wavelet_of_both(noisy, sigma, axis):
    settings = {"wavelet": "db2", "wavelet_levels": 4, "method": "BayesShrink", "rescale_sigma": True}
    theirs = restoration.denoise_wavelet(
        noisy if axis is not None else noisy[..., 0], sigma=sigma, **settings, channel_axis=axis
    )
    return wavelet(planes(noisy), torch.full((1, 1, 1, 1), sigma), Monitor(), 4), theirs


@pytest.mark.parametrize("both", [nlm_of_both, small_nlm_of_both, tv_of_both, bilateral_of_both, wavelet_of_both])
@pytest.mark.parametrize("picture", ["cat", "astronaut"])
def test_never_below_scikit_image(both, picture):
    """Colour and gray, three noise levels: at most 0.05 dB worse at the same parameters."""
    colour = load_sample(picture)[0, 60:130, 100:180].numpy()
    for clean, axis in ((colour, 2), (colour.mean(axis=2, keepdims=True), None)):
        for level in (10, 25, 50):
            noise = np.random.default_rng(level).standard_normal(clean.shape, dtype=np.float32)
            ours, theirs = both(clean + noise * np.float32(level / 255), level / 255, axis)
            theirs = theirs.reshape(clean.shape)
            assert decibels(clean, ours) > decibels(clean, theirs) - 0.05, (level, axis)


def test_total_variation_equals_scikit_image(cat):
    _, noisy = cat
    theirs = restoration.denoise_tv_chambolle(noisy, weight=0.7 * SIGMA, channel_axis=2)
    ours = total_variation(planes(noisy), TORCH_SIGMA, Monitor(), weight=0.7)[0].permute(1, 2, 0).numpy()
    assert np.abs(ours - theirs).max() < 2e-3


@pytest.mark.parametrize("level", [50, 60, 75])
def test_total_variation_does_not_stop_early_under_strong_noise(cat, level):
    clean, _ = cat
    noisy = clean + level / 255 * np.random.default_rng(0).standard_normal(clean.shape, np.float32)
    ours = total_variation(planes(noisy), torch.tensor(level / 255), Monitor())
    assert decibels(clean, ours) > {50: 25.5, 60: 24.8, 75: 24.0}[level]


def test_wavelet_without_noise_reconstructs_exactly(cat):
    clean, _ = cat
    assert (wavelet(planes(clean), torch.zeros(1, 1, 1, 1), Monitor()) - planes(clean)).abs().max() < 1e-5


def test_heat_is_a_gaussian_blur_and_keeps_the_mean():
    spot = torch.zeros(1, 1, 41, 41)
    spot[..., 20, 20] = 1
    blurred = heat(spot, torch.ones(1, 1, 1, 1), Monitor(), time=3.0)[0, 0]
    offset = torch.arange(41.0) - 20
    assert float(blurred.sum()) == pytest.approx(1, abs=1e-5)
    assert float((blurred.sum(0) * offset**2).sum()) == pytest.approx(2 * 3.0, rel=1e-3)


@pytest.mark.parametrize("name", OWN)
def test_gain_on_a_photograph(cat, name):
    clean, noisy = cat
    floor = {"nlm": 8.0, "bilateral": 7.5, "tv": 7.0, "wavelet": 6.5, "perona_malik": 6.0, "heat": 5.0}[name]
    result = classical()[name](planes(noisy), Level(SIGMA))
    assert decibels(clean, result) > decibels(clean, noisy) + floor


@pytest.mark.parametrize("name", OWN)
@pytest.mark.parametrize("shape", [(1, 3, 1, 1), (2, 1, 5, 3), (3, 3, 17, 33)])
def test_any_size_batch_and_plane_count(name, shape):
    noisy = torch.rand(*shape)
    result = classical()[name](noisy, Level(torch.full((shape[0],), SIGMA)))
    assert result.shape == noisy.shape and torch.isfinite(result).all()
    alone = classical()[name](noisy[-1:], Level(SIGMA))
    assert torch.allclose(result[-1:], alone, atol=1e-6)


@pytest.mark.parametrize("name", OWN)
def test_no_noise_changes_nothing(name):
    picture = torch.rand(1, 3, 12, 14)
    assert torch.allclose(classical()[name](picture, Level(0.0)), picture, atol=1e-5)


@pytest.mark.parametrize("name", OWN)
def test_sigma_maps_are_refused_in_words(name):
    with pytest.raises(DenoiseError, match="not a map"):
        classical()[name](torch.rand(1, 3, 8, 8), Level(torch.rand(1, 1, 8, 8)))


def test_strength_scales_sigma():
    picture = torch.rand(1, 3, 12, 14)
    method = classical()["nlm"]
    assert torch.equal(method.with_strength(2.0)(picture, Level(0.05)), method(picture, Level(0.1)))
    with pytest.raises(ValueError, match="strength"):
        method.with_strength(0)


def test_bm3d_runs_or_says_what_to_install(cat):
    clean, noisy = (picture[:72, :80] for picture in cat)
    method = classical()["bm3d"]
    try:
        import bm3d  # noqa: F401
    except ImportError:
        with pytest.raises(DenoiseError, match="pip install bm3d"):
            method(planes(noisy), Level(SIGMA))
    else:
        assert decibels(clean, method(planes(noisy), Level(SIGMA))) > decibels(clean, noisy) + 9


def test_bm3d_without_its_package_fails_where_it_is_chosen(monkeypatch):
    """On the node and when it is loaded, with the licence said; not later, in a node that denoises."""
    monkeypatch.setitem(sys.modules, "bm3d", None)
    node = NODE_CLASS_MAPPINGS["RealDenoiseClassicalDenoiser"]()
    assert node.make("Non-local means", 1.0)[0] == classical()["nlm"]
    for choose in (lambda: node.make("BM3D (non-commercial extra)", 1.0), lambda: load_denoiser("bm3d")):
        with pytest.raises(DenoiseError, match=r"non-commercial use only\): pip install bm3d"):
            choose()


def test_bm3d_lets_go_at_once_when_the_user_cancels(monkeypatch):
    """The package computes for many seconds without asking anybody."""
    asked = []

    def check():
        asked.append(time.perf_counter())
        if len(asked) > 3:
            raise InterruptedError

    def slow(picture, sigma):
        time.sleep(3)
        return picture

    monkeypatch.setitem(sys.modules, "bm3d", SimpleNamespace(bm3d=slow, bm3d_rgb=slow))
    started = time.perf_counter()
    with pytest.raises(InterruptedError):
        classical()["bm3d"](torch.rand(1, 3, 8, 8), Level(SIGMA), Monitor(check_cancel=check))
    assert time.perf_counter() - started < 1


def test_an_error_inside_bm3d_is_not_lost_in_its_thread(monkeypatch):
    def broken(picture, sigma):
        raise ValueError("block size")

    monkeypatch.setitem(sys.modules, "bm3d", SimpleNamespace(bm3d=broken, bm3d_rgb=broken))
    with pytest.raises(ValueError, match="block size"):
        classical()["bm3d"](torch.rand(1, 1, 8, 8), Level(SIGMA))


@pytest.mark.parametrize("name", ["nlm", "bilateral"])
def test_tiles_make_no_difference(name, monkeypatch):
    picture = torch.rand(1, 3, 45, 61, generator=torch.Generator().manual_seed(0))
    whole = classical()[name](picture, Level(0.1))
    monkeypatch.setattr(shifts, "TILE", 20)
    assert torch.equal(classical()[name](picture, Level(0.1)), whole)
