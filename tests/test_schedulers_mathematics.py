"""What schedulers are computed with: tables of noise, forward processes, conversions, limits."""

from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from realdenoise.imaging.level import DenoiseError
from realdenoise.imaging.noise_schedule import BETA_SCHEDULES, CLEAN, NoiseSchedule
from realdenoise.schedulers import DDIMScheduler, DDPMScheduler, EDMScheduler
from realdenoise.schedulers.limit import Limit, quantile
from realdenoise.schedulers.prediction import PREDICTIONS, from_clean, predicted_noise, score, to_clean
from realdenoise.schedulers.variance_preserving import SPACINGS
from scheduler_walks import picture, walk


@pytest.mark.parametrize(
    ("make", "problem"),
    [
        (lambda: NoiseSchedule("sigmoid"), "sigmoid"),
        (lambda: NoiseSchedule(train_steps=0), "train_steps"),
        (lambda: NoiseSchedule(beta_start=0.03), "rise"),
        (lambda: Limit("fold"), "fold"),
        (lambda: Limit("threshold", 0.5), "bound"),
        (lambda: Limit(ratio=0.0), "ratio"),
    ],
)
def test_tables_and_limits_out_of_range_are_named(make, problem):
    with pytest.raises(ValueError, match=problem):
        make()


@pytest.mark.parametrize("kind", BETA_SCHEDULES)
def test_a_timestep_is_found_again_by_its_noise(kind):
    noise = NoiseSchedule(kind)
    assert all(noise.match(noise.sigma(t)) == t for t in range(0, 1000, 7))
    assert noise.sigma(CLEAN) == 0 and noise.match(0.0) == 0 and noise.match(1e9) == 999


@pytest.mark.parametrize("kind", BETA_SCHEDULES)
@pytest.mark.parametrize("spacing", SPACINGS)
@given(steps=st.integers(1, 400))
def test_timestep_tables_fall_strictly_to_the_clean_end(kind, spacing, steps):
    scheduler = DDPMScheduler(steps, NoiseSchedule(kind), spacing)
    times = scheduler.start_from_noise((1, 1, 1, 1)).times
    assert all(isinstance(time, int) for time in times)
    assert all(a > b for a, b in zip(times, times[1:], strict=False)) and times[-1] == CLEAN


@given(seed=st.integers(0, 99), start=st.integers(1, 999), share=st.floats(0, 1))
def test_ddim_moves_along_the_forward_process(seed, start, share):
    """From √ᾱ·x0 + √(1−ᾱ)·ε and the true x0, the deterministic step lands on the same with the next ᾱ."""
    stop = int(share * (start - 1))
    scheduler = DDIMScheduler(limit=Limit("none"))
    original, noise = 2 * picture(seed) - 1, torch.randn(2, 3, 9, 7, generator=torch.Generator().manual_seed(seed))
    at = [a**0.5 * original + (1 - a) ** 0.5 * noise for a in map(scheduler.noise.alpha_bar, (start, stop))]
    state = replace(scheduler.start_from_noise((2, 3, 9, 7)), x=at[0], times=(start, stop))
    assert torch.allclose(scheduler.step(state, (original + 1) / 2).x, at[1], atol=2e-5)


@given(seed=st.integers(0, 99), high=st.floats(0.01, 50), share=st.floats(0, 1))
def test_edm_moves_along_the_forward_process(seed, high, share):
    clean, noise = picture(seed), torch.randn(2, 3, 9, 7, generator=torch.Generator().manual_seed(seed))
    scheduler = EDMScheduler(solver="euler")
    state = replace(scheduler.start_from_noise((2, 3, 9, 7)), x=clean + high * noise, times=(high, share * high))
    assert torch.allclose(scheduler.step(state, clean).x, clean + share * high * noise, rtol=1e-5, atol=1e-5 * high)


def test_ddpm_with_exact_estimates_draws_from_the_forward_marginals():
    """With x̂0 = x0, x at every visited time has mean √ᾱ·x0 and variance 1 − ᾱ (arXiv 2006.11239, eq. 4)."""
    scheduler = DDPMScheduler(6)
    clean = torch.full((1, 1, 300, 300), 0.8)
    for state in walk(scheduler.start_from_noise((1, 1, 300, 300), seed=2), lambda image, level: clean)[:-1]:
        alpha_bar = scheduler.noise.alpha_bar(state.time)
        assert state.x.mean() == pytest.approx(alpha_bar**0.5 * 0.6, abs=0.015)
        assert state.x.var() == pytest.approx(1 - alpha_bar, rel=0.03)


@pytest.mark.parametrize("prediction", PREDICTIONS)
@given(seed=st.integers(0, 99), time=st.integers(0, 999))
def test_predictions_are_converted_there_and_back(prediction, seed, time):
    alpha_bar = NoiseSchedule().alpha_bar(time)
    original, noise = 2 * picture(seed) - 1, torch.randn(2, 3, 9, 7, generator=torch.Generator().manual_seed(seed))
    x = alpha_bar**0.5 * original + (1 - alpha_bar) ** 0.5 * noise
    said = {
        "epsilon": noise,
        "sample": original,
        "v_prediction": alpha_bar**0.5 * noise - (1 - alpha_bar) ** 0.5 * original,
    }[prediction]
    clean = to_clean(prediction, said, x, alpha_bar)
    assert torch.allclose(clean, (original + 1) / 2, atol=1e-6 / alpha_bar**0.5)
    # the noise is read off x − √ᾱ·x̂0, so at small noise the rounding of x̂0 is divided by it
    assert torch.allclose(from_clean(prediction, clean, x, alpha_bar), said, atol=2e-6 / (1 - alpha_bar) ** 0.5)


def test_noise_and_score_are_those_that_were_put_in():
    clean, noise = picture(), torch.randn(2, 3, 9, 7)
    noisy = clean + 0.2 * noise
    assert torch.allclose(predicted_noise(noisy, clean, 0.2), noise, atol=1e-5)
    assert torch.allclose(score(noisy, clean, 0.2), -noise / 0.2, atol=1e-4)


@given(size=st.integers(1, 50), ratio=st.floats(0.01, 1))
def test_quantile_is_torchs(size, ratio):
    values = torch.rand(2, 1, 1, size, generator=torch.Generator().manual_seed(size))
    assert torch.allclose(quantile(values, ratio), torch.quantile(values.flatten(1), ratio, dim=1), atol=1e-6)


def test_unknown_predictions_are_named():
    with pytest.raises(DenoiseError, match="score"):
        to_clean("score", picture(), picture(), 0.5)
