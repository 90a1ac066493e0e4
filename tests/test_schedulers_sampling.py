"""EDM, Langevin and heat against closed forms: order of accuracy, stationary distribution, physics of smoothing."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from realdenoise.imaging.level import DenoiseError
from realdenoise.schedulers import EDMScheduler, HeatScheduler, LangevinScheduler
from realdenoise.schedulers.heat import diffuse, noise_gain
from realdenoise.schedulers.loop import run_loop

SPREAD = 0.1


def gaussian_denoiser(image, level, monitor):
    """The exact posterior mean when every pixel is N(1/2, SPREAD²)."""
    return 0.5 + (image - 0.5) * SPREAD**2 / (SPREAD**2 + level.sigma**2)


def edm_error(solver, points):
    """Worst error over the exact solution of the probability flow, (x − 1/2)/√(SPREAD² + σ²) = const."""
    scheduler = EDMScheduler(points, solver, sigma_max=2.0, sigma_min=0.0002)
    start = scheduler.start_from_noise((1, 1, 8, 8), seed=1)
    start = replace(start, x=start.x.double())
    exact = 0.5 + (start.x - 0.5) * SPREAD / (SPREAD**2 + 2.0**2) ** 0.5
    return float((run_loop(start, gaussian_denoiser).x - exact).abs().max())


@pytest.mark.parametrize(("solver", "order"), [("euler", 1), ("heun", 2)])
def test_edm_solvers_have_their_order(solver, order):
    coarse, fine = edm_error(solver, 64), edm_error(solver, 128)
    assert coarse / fine == pytest.approx(2**order, rel=0.2)


def test_heun_beats_euler_at_equal_calls_of_the_denoiser():
    assert EDMScheduler(25, "heun").steps == EDMScheduler(49, "euler").steps == 49
    assert edm_error("heun", 25) < edm_error("euler", 49) / 3


def test_edm_grid_is_equation_5():
    """The paper's own values at N = 18, rho 7, sigma 0.002 to 80, on its [-1,1] scale."""
    times = np.array(EDMScheduler(18, "euler", 7.0, 40.0, 0.001).start_from_noise((1, 1, 1, 1)).times) * 2
    index = np.arange(18)
    wanted = (80 ** (1 / 7) + index / 17 * (0.002 ** (1 / 7) - 80 ** (1 / 7))) ** 7
    assert np.allclose(times[:-1], wanted, rtol=1e-12) and times[-1] == 0
    assert times[:4] == pytest.approx([80.0, 57.586, 40.786, 28.375], abs=1e-3)


def test_heun_looks_twice_at_every_level_but_the_first_and_the_last_step():
    times = EDMScheduler(4, "heun").start_from_noise((1, 1, 1, 1)).times
    single = EDMScheduler(4, "euler").start_from_noise((1, 1, 1, 1)).times
    assert times == (single[0], single[1], single[1], single[2], single[2], single[3], single[3], 0.0)


def test_a_single_edm_point_is_one_denoising():
    for solver in ("euler", "heun"):
        state = run_loop(EDMScheduler(1, solver).start(torch.rand(1, 1, 4, 4), sigma=0.1), gaussian_denoiser)
        assert torch.allclose(state.x, gaussian_denoiser(state.origin, type("L", (), {"sigma": 0.1}), None))


def test_langevin_levels_are_geometric_and_end_with_a_denoising():
    scheduler = LangevinScheduler(levels=3, steps_per_level=2, sigma_max=1.0, sigma_min=0.01)
    times = scheduler.start_from_noise((1, 1, 1, 1)).times
    assert times == pytest.approx((1.0, 1.0, 0.1, 0.1, 0.01, 0.01, 0.01, 0.0))


def test_langevin_samples_the_distribution_its_denoiser_describes():
    """After annealing, pixels are N(1/2, SPREAD²); without its noise the same loop would collapse to the mean."""
    scheduler = LangevinScheduler(20, 100, 0.1, sigma_max=0.5, sigma_min=0.01)
    state = run_loop(scheduler.start_from_noise((1, 1, 100, 100), seed=3), gaussian_denoiser)
    assert state.x.mean() == pytest.approx(0.5, abs=0.005)
    assert state.x.std() == pytest.approx(SPREAD, rel=0.03)


def source_text_laplacian(image):
    """The NumPy code this process is known from: reflecting padding and the five-point stencil."""
    padded = np.pad(image, 1, mode="reflect")
    return padded[:-2, 1:-1] + padded[2:, 1:-1] + padded[1:-1, :-2] + padded[1:-1, 2:] - 4 * image


@pytest.mark.parametrize("size", [(12, 9), (2, 2), (1, 5), (1, 1)])
def test_reflect_is_the_numpy_recipe(size):
    image = np.random.default_rng(0).random(size)
    wanted = image.copy()
    for _ in range(100):
        wanted = wanted + 0.1 * 0.1 * source_text_laplacian(wanted)
    ours = diffuse(torch.from_numpy(image)[None, None], 100, 0.01, "reflect")[0, 0].numpy()
    assert np.allclose(ours, wanted, atol=1e-12)


@given(height=st.integers(1, 9), width=st.integers(1, 9), rate=st.floats(0.01, 0.25), count=st.integers(0, 30))
def test_edge_keeps_the_mean_and_never_overshoots(height, width, rate, count):
    image = torch.rand(2, 3, height, width, dtype=torch.float64)
    smooth = diffuse(image, count, rate, "edge")
    assert torch.allclose(smooth.mean((2, 3)), image.mean((2, 3)), atol=1e-12)
    assert smooth.max() <= image.max() + 1e-12 and smooth.min() >= image.min() - 1e-12


def test_smoothing_is_a_gaussian_blur_of_the_predicted_width():
    """An impulse spreads to variance 2·rate·iterations along each axis."""
    impulse = torch.zeros(1, 1, 101, 101, dtype=torch.float64)
    impulse[..., 50, 50] = 1
    along = diffuse(impulse, 200, 0.2).sum(2).flatten().numpy()
    assert (along * (np.arange(101) - 50) ** 2).sum() == pytest.approx(2 * 0.2 * 200, rel=1e-3)


def test_the_stability_limit_is_where_the_scheme_breaks():
    checkerboard = torch.from_numpy((np.indices((8, 8)).sum(0) % 2).astype(np.float32))[None, None]
    assert diffuse(checkerboard, 50, 0.25).abs().max() <= 1
    with pytest.raises(DenoiseError, match="0.26"):
        diffuse(checkerboard, 50, 0.26)


@pytest.mark.parametrize(("iterations", "rate"), [(0, 0.1), (10, 0.1), (100, 0.01), (50, 0.25)])
def test_noise_gain_is_what_smoothing_does_to_noise(iterations, rate):
    noise = torch.randn(1, 1, 400, 400, generator=torch.Generator().manual_seed(0))
    assert diffuse(noise, iterations, rate).std() == pytest.approx(noise_gain(iterations, rate), rel=0.05)


def test_heat_is_undone_step_by_step_with_the_clean_picture():
    clean = torch.rand(1, 3, 16, 16)
    scheduler = HeatScheduler(steps=4, iterations=40)
    state = scheduler.start(clean)
    for time in (40, 30, 20, 10):
        assert state.time == time
        assert torch.allclose(state.x, diffuse(clean, time, 0.01), atol=1e-5)
        state = scheduler.step(state, clean)
    assert torch.allclose(state.x, clean, atol=1e-5)


def test_heat_keeps_large_structures_of_the_input_and_detail_of_the_estimate():
    """The corrected update is exact for any fixed estimate c: the result is c + D(y − c), D the whole smoothing."""
    noisy, estimate = torch.rand(1, 1, 16, 16), torch.rand(1, 1, 16, 16)
    scheduler = HeatScheduler(steps=7, iterations=60, time_step=0.2, conductivity=1.0)
    result = run_loop(scheduler.start(noisy), lambda image, level, monitor: estimate).x
    assert torch.allclose(result, estimate + diffuse(noisy - estimate, 60, 0.2), atol=1e-5)
