"""Generalised Anscombe transform: constant variance, unbiased inverse, and what it brings a denoiser."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from realdenoise.imaging.anscombe import TABLE_END, Stabiliser, _exact_inverse, _table
from realdenoise.imaging.level import DenoiseError, Level
from realdenoise.imaging.metrics import psnr
from realdenoise.imaging.noise.poisson_gaussian import shot_and_read
from realdenoise.imaging.sample_photos import load_sample
from realdenoise.models.classical.base import classical
from realdenoise.models.contract import Denoiser, Spec
from realdenoise.models.wrappers.stabilised import VarianceStabilised

NOISES = [(0.1, 0.01), (0.02, 0.0), (0.01, 0.0004), (0.001, 1e-5), (1e-6, 0.01), (0.0, 0.01)]


def drawn(signal, a, b, count=400_000):
    frame = np.full((count, 1, 1), signal, dtype=np.float32)
    return torch.from_numpy(shot_and_read(frame, a, b, np.random.default_rng(0))).flatten()


@pytest.mark.parametrize(("a", "b"), NOISES)
@pytest.mark.parametrize("signal", [0.0, 0.05, 0.3, 1.0])
def test_inverse_of_the_mean_is_the_signal(a, b, signal):
    stabiliser = Stabiliser(a, b)
    mean = stabiliser.forward(drawn(signal, a, b)).double().mean()
    spread = (a * signal + b) ** 0.5 / 400_000**0.5
    assert stabiliser.inverse(mean).item() == pytest.approx(signal, abs=5 * spread + 1e-5)


def test_the_algebraic_inverse_would_be_biased():
    a, b, signal = 0.1, 0.001, 0.2
    stabiliser = Stabiliser(a, b)
    mean = stabiliser.forward(drawn(signal, a, b)).double().mean().item()
    root = mean * stabiliser._span + stabiliser._black
    algebraic = a * (root**2 / 4 - 3 / 8 - b / a**2)
    assert algebraic < signal - 0.02


@pytest.mark.parametrize(("a", "b"), NOISES)
@pytest.mark.parametrize("signal", [0.3, 0.6, 1.0])
def test_variance_is_the_same_everywhere(a, b, signal):
    stabiliser = Stabiliser(a, b)
    noise = stabiliser.forward(drawn(signal, a, b)).std().item()
    assert noise == pytest.approx(stabiliser.sigma, rel=0.04)


def test_black_and_white_stay_where_they_are():
    stabiliser = Stabiliser(0.01, 0.0004)
    assert stabiliser.forward(torch.tensor([0.0, 1.0])).tolist() == pytest.approx([0, 1], abs=1e-6)


@pytest.mark.parametrize("read", [0.0, 0.3, 1.0, 10.0, 100.0])
def test_exact_and_asymptotic_inverse_meet(read):
    means, photons = _table(read)
    assert (np.diff(means) > 0).all()
    above = _exact_inverse(means[-1:] * (1 + 1e-9), read).item()
    assert above == pytest.approx(TABLE_END, abs=1e-3)
    assert _exact_inverse(means[200:201], read).item() == pytest.approx(photons[200], abs=1e-9)


@given(a=st.floats(1e-4, 0.2), b=st.floats(0, 0.05))
def test_inverse_rises_and_is_never_negative(a, b):
    signals = Stabiliser(a, b).inverse(torch.linspace(-0.5, 1.5, 201))
    assert (signals >= 0).all() and (signals.diff() >= -1e-6).all()


@pytest.mark.parametrize(("a", "b"), [(-0.1, 0.1), (0.1, -0.1), (0.0, 0.0), (float("nan"), 0.1)])
def test_no_noise_is_refused(a, b):
    with pytest.raises(DenoiseError, match="describe no noise"):
        Stabiliser(a, b)
    with pytest.raises(DenoiseError, match="describe no noise"):
        VarianceStabilised(Recorder(), a, b)


class Recorder:
    """Gives back what it gets and remembers what it was told."""

    spec = Spec("recorder", "Test", conditioning="sigma")

    def __init__(self):
        self.levels = []

    def __call__(self, image, level=Level(), monitor=None):
        self.levels.append((level, image))
        return image


def noisy_and_clean(a, b, picture="astronaut"):
    clean = load_sample(picture)[:, 40:232, 40:232]
    noisy = shot_and_read(clean[0].numpy(), a, b, np.random.default_rng(0))
    return torch.from_numpy(noisy).permute(2, 0, 1)[None], clean


def test_wrapper_obeys_the_contract():
    inner = Recorder()
    wrapped = VarianceStabilised(inner, 0.01, 0.0004)
    assert isinstance(wrapped, Denoiser) and not wrapped.spec.needs_sigma
    noisy, _ = noisy_and_clean(0.01, 0.0004)
    batch = torch.cat([noisy, noisy.flip(-1), noisy.flip(-2)])
    clean = wrapped(batch, Level(sigma=0.3, alpha=torch.tensor([0.1, 0.2, 0.3])))
    assert clean.shape == batch.shape and clean.dtype == torch.float32
    assert torch.equal(clean[1], wrapped(batch[1:2])[0])
    told = [level for level, _ in inner.levels[:3]]
    assert [level.sigma.item() for level in told] == pytest.approx([Stabiliser(0.01, 0.0004).sigma] * 3)
    assert [level.alpha.item() for level in told] == pytest.approx([0.1, 0.2, 0.3])
    # an inner denoiser that changes nothing: the unbiased inverse adds what the root's curvature took, a/4 and less
    assert (clean - batch.clamp_min(0)).abs().median() < 0.01


def test_pure_read_noise_changes_nothing_about_the_denoiser():
    nlm = classical()["wavelet"]
    noisy, _ = noisy_and_clean(0.0, 0.01)
    assert torch.allclose(VarianceStabilised(nlm, 0.0, 0.01)(noisy), nlm(noisy, Level(0.1)), atol=1e-6)


@pytest.mark.parametrize(("a", "b", "gain"), [(0.03, 0.0004, 0.5), (0.1, 0.001, 0.5)])
def test_gain_over_the_unwrapped_denoiser(a, b, gain):
    noisy, clean = noisy_and_clean(a, b)
    inner = classical()["wavelet"]
    score = lambda planes: psnr(clean, planes.permute(0, 2, 3, 1).clamp(0, 1)).item()  # noqa: E731
    rms = (a * clean.mean().item() + b) ** 0.5
    plain = max(score(inner(noisy, Level(rms * factor))) for factor in (0.8, 1.0, 1.2, 1.5))
    known = score(VarianceStabilised(inner, a, b)(noisy))
    measured = score(VarianceStabilised(inner)(noisy))
    assert known > plain + gain
    assert measured > known - 0.3


def test_a_frame_without_noise_comes_back():
    flat = torch.full((1, 3, 64, 64), 0.5)
    assert torch.allclose(VarianceStabilised(classical()["wavelet"])(flat), flat, atol=1e-3)
