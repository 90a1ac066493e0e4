"""Settings, tables, limits and predictions: what they mean, and what is refused."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from realdenoise.imaging.level import DenoiseError
from realdenoise.imaging.noise_schedule import BETA_SCHEDULES, CLEAN, NoiseSchedule
from realdenoise.models.prediction import CHAIN_PREDICTIONS, estimated_original, expected_output
from realdenoise.schedulers import SCHEDULERS, DDPMScheduler
from realdenoise.schedulers.limit import Limit, quantile
from realdenoise.schedulers.prediction import predicted_noise, score
from realdenoise.schedulers.variance_preserving import SPACINGS


def picture(seed=0):
    return torch.rand(2, 3, 9, 7, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize(
    ("name", "change", "problem"),
    [
        ("ddpm", {"steps": 0}, "steps"),
        ("ddpm", {"steps": 1001}, "1000 timesteps"),
        ("ddpm", {"variance": "learned"}, "variance"),
        ("ddpm", {"spacing": "random"}, "spacing"),
        ("ddim", {"eta": 1.5}, "eta"),
        ("langevin", {"step_size": 0.0}, "step_size"),
        ("langevin", {"levels": 0}, "levels"),
        ("langevin", {"sigma_min": 2.0}, "noise levels"),
        ("edm", {"points": 0}, "points"),
        ("edm", {"rho": 0.5}, "rho"),
        ("edm", {"solver": "rk4"}, "solver"),
        ("heat", {"time_step": 1.0, "conductivity": 0.3}, "stable"),
        ("heat", {"steps": 200}, "iterations"),
        ("heat", {"border": "wrap"}, "border"),
    ],
)
def test_settings_out_of_range_are_named(name, change, problem):
    with pytest.raises(ValueError, match=problem):
        SCHEDULERS[name](**change)


@pytest.mark.parametrize(
    ("make", "problem"),
    [
        (lambda: NoiseSchedule("sigmoid"), "sigmoid"),
        (lambda: NoiseSchedule(train_steps=0), "train_steps"),
        (lambda: NoiseSchedule(beta_start=0.03), "rise"),
        (lambda: NoiseSchedule(train_steps=10_000), "1e-44 .* smaller betas"),
        (lambda: NoiseSchedule(beta_end=0.999), "fewer train_timesteps"),
        (lambda: Limit("fold"), "fold"),
        (lambda: Limit("threshold", 0.5), "bound"),
        (lambda: Limit(ratio=0.0), "ratio"),
    ],
)
def test_tables_and_limits_out_of_range_are_named(make, problem):
    with pytest.raises(ValueError, match=problem):
        make()


@pytest.mark.parametrize("noise", [NoiseSchedule("cosine", 20_000), NoiseSchedule(beta_end=0.12)])
def test_the_noisiest_end_of_any_chain_is_still_computed_with(noise):
    state = DDPMScheduler(3, noise).start_from_noise((1, 3, 8, 8), seed=1)
    view, level = state.scheduler.view(state)
    signal = (1 + 4 * torch.as_tensor(level.sigma, dtype=torch.float32) ** 2).rsqrt()  # as networks are fed
    assert torch.allclose(signal * (2 * view - 1), state.x, atol=1e-5)


@pytest.mark.parametrize("kind", BETA_SCHEDULES)
def test_a_timestep_is_found_again_by_its_noise(kind):
    noise = NoiseSchedule(kind)
    assert all(noise.match(noise.sigma(t)) == t for t in range(0, 1000, 7))
    assert kind != "cosine" or NoiseSchedule(kind, beta_start=0.5, beta_end=0.02).sigma(7) == noise.sigma(7)
    assert noise.sigma(CLEAN) == 0 and noise.match(0.0) == 0 and noise.match(1e9) == 999


@pytest.mark.parametrize("kind", BETA_SCHEDULES)
@pytest.mark.parametrize("spacing", SPACINGS)
@given(steps=st.integers(1, 400))
def test_timestep_tables_fall_strictly_to_the_clean_end(kind, spacing, steps):
    scheduler = DDPMScheduler(steps, NoiseSchedule(kind), spacing)
    times = scheduler.start_from_noise((1, 1, 1, 1)).times
    assert all(isinstance(time, int) for time in times)
    assert all(a > b for a, b in zip(times, times[1:], strict=False)) and times[-1] == CLEAN


@pytest.mark.parametrize("prediction", CHAIN_PREDICTIONS)
@given(seed=st.integers(0, 99), time=st.integers(0, 999))
def test_every_prediction_amounts_to_the_same_estimate(prediction, seed, time):
    alpha_bar = NoiseSchedule().alpha_bar(time)
    signal, spread = alpha_bar**0.5, (1 - alpha_bar) ** 0.5
    original, noise = 2 * picture(seed) - 1, torch.randn(2, 3, 9, 7, generator=torch.Generator().manual_seed(seed))
    said = expected_output(prediction, original, noise, signal, spread)
    estimate = estimated_original(prediction, said, signal * original + spread * noise, signal, spread)
    assert torch.allclose(estimate, original, atol=2e-6 / signal)


def test_noise_and_score_are_those_that_were_put_in():
    clean, noise = picture(), torch.randn(2, 3, 9, 7)
    noisy = clean + 0.2 * noise
    assert torch.allclose(predicted_noise(noisy, clean, 0.2), noise, atol=1e-5)
    assert torch.allclose(score(noisy, clean, 0.2), -noise / 0.2, atol=1e-4)


@given(size=st.integers(1, 50), ratio=st.floats(0.01, 1))
def test_quantile_is_torchs(size, ratio):
    values = torch.rand(2, 1, 1, size, generator=torch.Generator().manual_seed(size))
    assert torch.allclose(quantile(values, ratio), torch.quantile(values.flatten(1), ratio, dim=1), atol=1e-6)


@pytest.mark.parametrize("convert", [estimated_original, expected_output])
def test_unknown_predictions_are_named(convert):
    with pytest.raises(DenoiseError, match="score"):
        convert("score", picture(), picture(), 0.5, 0.5)
