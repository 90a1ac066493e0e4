"""DDPM, DDIM and EDM against diffusers over whole loops, with a deterministic stand-in for the network.

diffusers' own tables are float32; the reference gets the same formulas in float64, so that the steps are compared and
not the rounding of the tables (which is compared on its own).
"""

from itertools import product

import diffusers
import numpy as np
import pytest
import torch
from diffusers.schedulers import scheduling_ddpm
from realdenoise.imaging.level import DenoiseError
from realdenoise.imaging.noise_schedule import CLEAN, NoiseSchedule
from realdenoise.models.prediction import CHAIN_PREDICTIONS, estimated_original
from realdenoise.schedulers.base import draw
from realdenoise.schedulers.ddim import DDIMScheduler
from realdenoise.schedulers.ddpm import DDPMScheduler
from realdenoise.schedulers.edm import EDMScheduler
from realdenoise.schedulers.limit import Limit
from realdenoise.schedulers.variance_preserving import SPACINGS, timesteps

SHAPE = (2, 3, 8, 8)
BETAS = {"linear": "linear", "scaled_linear": "scaled_linear", "cosine": "squaredcos_cap_v2"}
LIMITS = [Limit("none"), Limit("clip"), Limit("clip", 1.7), Limit("threshold", 1.5, 0.9)]
TOLERANCE = 1e-5  # of the step's largest magnitude


def stand_in(x, time):
    """What a network might say: bounded, dependent on sample and time, nowhere constant."""
    return torch.tanh(x * 1.3) * (0.8 + 0.1 * np.cos(time)) + 0.05 * x


def settings(limit, betas, prediction, **more):
    return {
        "beta_schedule": BETAS[betas],
        "prediction_type": "sample" if prediction == "clean" else prediction,
        "clip_sample": limit.mode == "clip",
        "clip_sample_range": limit.bound,
        "thresholding": limit.mode == "threshold",
        "dynamic_thresholding_ratio": limit.ratio,
        "sample_max_value": limit.bound,
        **more,
    }


def in_float64(reference, noise):
    reference.alphas_cumprod = torch.from_numpy(noise.alphas_cumprod)
    reference.one = torch.ones((), dtype=torch.float64)
    if getattr(reference, "final_alpha_cumprod", None) is not None:
        at_one = reference.config.set_alpha_to_one
        reference.final_alpha_cumprod = torch.ones(()) if at_one else reference.alphas_cumprod[0]
    return reference


def assert_same_loop(scheduler, prediction, reference_step):
    """Step both to the end; `reference_step(output, time, next_time, x, noise)` gives (x, clean) in [-1,1]."""
    state = scheduler.start_from_noise(SHAPE, seed=3)
    x = state.x
    while not state.done:
        ours = stand_in(state.x, state.time)
        alpha_bar = scheduler.noise.alpha_bar(state.time)
        original = estimated_original(prediction, ours, state.x, alpha_bar**0.5, (1 - alpha_bar) ** 0.5)
        after = scheduler.step(state, (original + 1) / 2)
        x, original = reference_step(stand_in(x, state.time), state.time, state.next_time, x, draw(state))
        scale = x.abs().max()
        assert (after.x - x).abs().max() <= TOLERANCE * scale, (state.step, state.time)
        assert (2 * after.clean - 1 - original).abs().max() <= TOLERANCE * original.abs().max()
        state = after


@pytest.mark.parametrize("kind", BETAS)
def test_tables_are_those_of_diffusers(kind):
    reference = diffusers.DDPMScheduler(beta_schedule=BETAS[kind]).alphas_cumprod
    assert np.allclose(NoiseSchedule(kind).alphas_cumprod, reference.double(), rtol=2e-5, atol=1e-8)


@pytest.mark.parametrize("spacing", SPACINGS)
@pytest.mark.parametrize("steps", [1, 3, 7, 10, 50, 333, 999, 1000])
@pytest.mark.parametrize("offset", [0, 1])
def test_timesteps_are_those_of_diffusers(spacing, steps, offset):
    if spacing == "leading" and steps == 1000 and offset:
        with pytest.raises(DenoiseError, match="offset 1 leads to timestep 1000"):
            timesteps(spacing, steps, 1000, offset)
        return
    reference = diffusers.DDIMScheduler(timestep_spacing=spacing, steps_offset=offset)
    reference.set_timesteps(steps)
    assert timesteps(spacing, steps, 1000, offset) == tuple(reference.timesteps.tolist())


@pytest.mark.parametrize("variance", ["fixed_small", "fixed_large"])
@pytest.mark.parametrize(
    ("spacing", "steps", "offset"),
    [("leading", 12, 0), ("leading", 10, 1), ("linspace", 13, 0), ("trailing", 11, 0), ("trailing", 1000, 0)],
)
def test_ddpm_loops_agree(spacing, steps, offset, variance, monkeypatch):
    """All spacings: diffusers' DDPM, too, looks the previous time up.

    One difference is kept on purpose: with fixed_large, diffusers adds noise in the last step when that step leaves
    from a timestep above 0; algorithm 2 of the paper adds none in the last step, and neither do we.
    """
    cases = list(product(BETAS, CHAIN_PREDICTIONS, LIMITS))
    for betas, prediction, limit in cases if steps < 100 else cases[:1]:
        noise = NoiseSchedule(betas)
        scheduler = DDPMScheduler(steps, noise, spacing, offset, limit, variance)
        more = {"variance_type": variance, "timestep_spacing": spacing, "steps_offset": offset}
        reference = in_float64(diffusers.DDPMScheduler(**settings(limit, betas, prediction, **more)), noise)
        reference.set_timesteps(steps)

        def step(output, time, next_time, x, z, reference=reference):
            z = torch.zeros_like(z) if next_time == CLEAN else z
            monkeypatch.setattr(scheduling_ddpm, "randn_tensor", lambda *_, **__: z)
            result = reference.step(output, time, x)
            return result.prev_sample, result.pred_original_sample

        assert_same_loop(scheduler, prediction, step)


@pytest.mark.parametrize("from_limited", [False, True])
@pytest.mark.parametrize("eta", [0.0, 0.4, 1.0])
@pytest.mark.parametrize(
    ("spacing", "steps", "offset", "at_one"),
    [("leading", 12, 0, True), ("leading", 10, 1, False), ("trailing", 10, 0, True), ("linspace", 1000, 0, True)],
)
def test_ddim_loops_agree_where_diffusers_stays_in_its_schedule(spacing, steps, offset, at_one, eta, from_limited):
    cases = list(product(BETAS, CHAIN_PREDICTIONS, LIMITS))
    for betas, prediction, limit in cases if steps < 100 else cases[:1]:
        noise = NoiseSchedule(betas)
        scheduler = DDIMScheduler(steps, noise, spacing, offset, limit, eta, from_limited, at_one)
        more = {"timestep_spacing": spacing, "steps_offset": offset, "set_alpha_to_one": at_one}
        reference = in_float64(diffusers.DDIMScheduler(**settings(limit, betas, prediction, **more)), noise)
        reference.set_timesteps(steps)

        def step(output, time, next_time, x, z, reference=reference):
            z = z if eta else None
            result = reference.step(output, time, x, eta, from_limited, variance_noise=z)
            return result.prev_sample, result.pred_original_sample

        assert_same_loop(scheduler, prediction, step)


@pytest.mark.parametrize("eta", [0.0, 1.0])
@pytest.mark.parametrize(("spacing", "steps"), [("linspace", 10), ("trailing", 7), ("linspace", 30)])
def test_ddim_agrees_at_the_time_of_its_own_table(spacing, steps, eta):
    """Here diffusers' DDIM recomputes the previous time as t − 1000 // steps, which is not the next entry of its table.

    The next model call then happens at another time than the sample was brought to, so the sample is noisier or cleaner
    than the network is told. We look the time up; diffusers' step formula must agree when it is given that time.
    """
    for prediction, limit in product(CHAIN_PREDICTIONS, LIMITS):
        noise = NoiseSchedule()
        scheduler = DDIMScheduler(steps, noise, spacing, 0, limit, eta)
        reference = in_float64(
            diffusers.DDIMScheduler(**settings(limit, "linear", prediction, timestep_spacing=spacing)), noise
        )
        reference.set_timesteps(steps)
        table = [*reference.timesteps.tolist(), CLEAN]
        assert any(t - 1000 // steps != n for t, n in zip(table[:-2], table[1:-1], strict=True))
        reference.num_inference_steps = 1

        def step(output, time, next_time, x, z, reference=reference):
            reference.register_to_config(num_train_timesteps=time - next_time)  # its stride, used for nothing else
            result = reference.step(output, time, x, eta, variance_noise=z if eta else None)
            return result.prev_sample, result.pred_original_sample

        assert_same_loop(scheduler, prediction, step)


@pytest.mark.parametrize("solver", ["euler", "heun"])
def test_edm_loops_agree(solver):
    """Given the same grid; diffusers' own begins and ends at the noise levels of its chain of betas."""
    scheduler = EDMScheduler(12, solver)
    state = scheduler.start_from_noise(SHAPE, seed=3)
    peer = {"euler": diffusers.EulerDiscreteScheduler, "heun": diffusers.HeunDiscreteScheduler}[solver]
    reference = peer(prediction_type="sample")
    reference.set_timesteps(12)
    reference.is_scale_input_called, reference.sigmas = True, torch.tensor(state.times, dtype=torch.float64)
    reference._step_index, x = 0, state.x
    while not state.done:
        after = scheduler.step(state, stand_in(state.x, state.time))
        x = reference.step(stand_in(x, state.time), reference.timesteps[0], x).prev_sample
        assert (after.x - x).abs().max() <= TOLERANCE * state.x.abs().max(), state.step
        state = after
    assert reference._step_index == scheduler.steps


def test_published_configs_are_read():
    config = {"beta_schedule": "squaredcos_cap_v2", "num_train_timesteps": 300, "beta_end": 0.03}
    assert NoiseSchedule.from_config(config) == NoiseSchedule("cosine", 300, 1e-4, 0.03)
    assert NoiseSchedule.from_config(dict(diffusers.DDPMScheduler().config)) == NoiseSchedule()


@pytest.mark.parametrize(
    ("config", "problem"),
    [
        ({"rescale_betas_zero_snr": True}, "zero terminal signal-to-noise"),
        ({"beta_schedule": "sigmoid"}, "sigmoid"),
        ({"trained_betas": [0.1, 0.2]}, "trained_betas"),
    ],
)
def test_configs_that_cannot_be_followed_are_refused(config, problem):
    with pytest.raises(DenoiseError, match=problem):
        NoiseSchedule.from_config(config)
