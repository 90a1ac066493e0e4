"""What every reverse process promises, whatever paper it is from."""

import gc
import weakref
from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from realdenoise.imaging.level import DenoiseError
from realdenoise.imaging.randomness import normal
from realdenoise.monitor import Monitor
from realdenoise.schedulers import (
    SCHEDULERS,
    DDIMScheduler,
    DDPMScheduler,
    EDMScheduler,
    HeatScheduler,
    LangevinScheduler,
    base,
    known,
    variance_exploding,
    variance_preserving,
)
from realdenoise.schedulers.known import KnownMask, KnownPixels
from realdenoise.schedulers.limit import Limit
from realdenoise.schedulers.loop import run_loop, take_step

SIGMA = 25 / 255
GENERATING = ("ddpm", "ddim", "langevin", "edm")
every = pytest.mark.parametrize("name", SCHEDULERS)
generating = pytest.mark.parametrize("name", GENERATING)


def picture(seed=0, frames=2, size=(9, 7)):
    return torch.rand(frames, 3, *size, generator=torch.Generator().manual_seed(seed))


def contraction(image, level=None, monitor=None):
    """A stand-in denoiser whose result for a pixel does not depend on where it lies in memory, as sigmoid's does."""
    return 0.5 + 0.4 * (image - 0.3) / (1 + image.abs())


def taking(steps, name):
    """The scheduler of that name with so many steps, noise levels or points."""
    if name == "heat":
        return HeatScheduler(steps, iterations=50)
    return SCHEDULERS[name](**{{"langevin": "levels", "edm": "points"}.get(name, "steps"): steps})


def walk(state, denoiser=contraction):
    """All states from `state` to the end."""
    states = [state]
    while not states[-1].done:
        image, level = states[-1].scheduler.view(states[-1])
        states.append(states[-1].scheduler.step(states[-1], denoiser(image, level)))
    return states


@pytest.mark.parametrize("name", [name for name in SCHEDULERS if name != "heat"])
def test_the_first_view_is_the_picture_it_started_from(name):
    noisy = picture()
    view, level = SCHEDULERS[name]().view(SCHEDULERS[name]().start(noisy, sigma=SIGMA))
    assert torch.allclose(view, noisy, atol=1e-6)
    assert float(torch.as_tensor(level.sigma).max()) == pytest.approx(SIGMA, rel=0.02)


@every
@pytest.mark.parametrize("kind", [torch.float16, torch.bfloat16, torch.float64])
def test_pictures_of_every_float_type_take_the_same_way(name, kind):
    """Rounded once, where they come in: all arithmetic is float32."""
    noisy = picture().to(kind)
    ends = [walk(taking(3, name).start(each, sigma=SIGMA, seed=2))[-1] for each in (noisy, noisy.float())]
    assert ends[0].x.dtype == torch.float32 and torch.equal(ends[0].x, ends[1].x)


@every
@given(steps=st.integers(1, 30), sigma=st.floats(0.003, 0.5))
def test_noise_only_falls_and_ends_at_zero(name, steps, sigma):
    states = walk(taking(steps, name).start(picture(frames=1), sigma=sigma))
    levels = [float(torch.as_tensor(s.scheduler.view(s)[1].sigma).max()) for s in states]
    assert levels == sorted(levels, reverse=True)
    assert levels[-1] == 0 or name == "heat"
    assert len(states) - 1 == states[0].steps <= states[0].scheduler.steps


@generating
def test_from_noise_it_takes_the_steps_it_was_asked_for_and_ends_clean(name):
    scheduler = SCHEDULERS[name]()
    states = walk(scheduler.start_from_noise((2, 3, 8, 8), seed=5))
    assert len(states) - 1 == scheduler.steps
    levels = [s.scheduler.view(s)[1].sigma for s in states]
    assert levels == sorted(levels, reverse=True) and levels[-1] == 0


@pytest.mark.parametrize("name", ["interpolation", "heat"])
def test_processes_that_need_a_picture_say_so(name):
    with pytest.raises(ValueError, match="connect one"):
        SCHEDULERS[name]().start_from_noise((1, 3, 8, 8))


@every
@given(steps=st.integers(1, 30), sigma=st.floats(0.003, 0.5), seed=st.integers(0, 99))
def test_an_ideal_denoiser_is_followed_to_the_clean_picture(name, steps, sigma, seed):
    """Heat keeps the input's noise in the large structures, so it starts from the clean one."""
    clean = picture(seed)
    noise = torch.randn(clean.shape, generator=torch.Generator().manual_seed(seed))
    noisy = clean if name == "heat" else clean + sigma * noise
    state = run_loop(taking(steps, name).start(noisy, sigma=sigma), lambda image, level, monitor: clean)
    assert torch.allclose(state.scheduler.view(state)[0], clean, atol=1e-5)


@every
def test_a_frame_alone_equals_the_frame_in_its_batch_bit_for_bit(name):
    noisy = picture(frames=3)
    scheduler = SCHEDULERS[name]()
    whole = run_loop(scheduler.start(noisy, sigma=SIGMA, seed=9), contraction)
    alone = run_loop(scheduler.start(noisy[2:], sigma=SIGMA, seed=9, first_frame=2), contraction)
    assert torch.equal(whole.x[2:], alone.x)


@generating
def test_generated_frames_do_not_depend_on_their_batch(name):
    scheduler = SCHEDULERS[name]()
    whole = run_loop(scheduler.start_from_noise((3, 3, 6, 6), seed=4), contraction)
    alone = run_loop(scheduler.start_from_noise((1, 3, 6, 6), seed=4, first_frame=1), contraction)
    other = run_loop(scheduler.start_from_noise((1, 3, 6, 6), seed=5, first_frame=1), contraction)
    assert torch.equal(whole.x[1:2], alone.x) and not torch.equal(alone.x, other.x)


KNOWN = KnownMask(picture(frames=1), torch.zeros(1, 1, 9, 7))
DRAWING = [
    *(DDPMScheduler(6), DDIMScheduler(6, eta=1.0), LangevinScheduler(levels=3, steps_per_level=2)),
    *(KnownPixels(DDPMScheduler(6), KNOWN), KnownPixels(DDPMScheduler(6), KNOWN, repeats=3)),
]


@pytest.mark.parametrize("scheduler", DRAWING, ids=lambda s: f"{type(s).__name__}-{getattr(s, 'repeats', 0)}")
@pytest.mark.parametrize("seed", [7, 7 + (1 << 32)], ids=["small seed", "large seed"])
def test_no_noise_is_drawn_twice(scheduler, seed, monkeypatch):
    """Not in any step, frame or direction, nor with a seed that is one apart."""
    drawn: list[torch.Tensor] = []

    def spy(*arguments):
        drawn.append(normal(*arguments))
        return drawn[-1]

    for module in (base, known, variance_exploding, variance_preserving):
        monkeypatch.setattr(module, "normal", spy, raising=False)
    for number in (seed, seed + 1):
        run_loop(scheduler.start_from_noise((3, 3, 9, 7), seed=number), contraction)
    fields = torch.cat([noise.flatten(1) for noise in drawn])
    assert len(fields) >= 2 * 3 * 6 and len(torch.unique(fields[:, 0])) == len(fields)


@pytest.mark.parametrize("scheduler", DRAWING[:3], ids=lambda scheduler: type(scheduler).__name__)
def test_given_the_noise_that_would_be_drawn_a_step_is_the_same(scheduler):
    state = scheduler.start(picture(), sigma=SIGMA, seed=7)
    half = torch.full_like(state.x, 0.5)
    assert torch.equal(scheduler.step(state, half).x, scheduler.step(state, half, base.draw(state)).x)


@every
def test_a_step_changes_nothing_but_its_result(name):
    noisy = picture()
    state = SCHEDULERS[name]().start(noisy, sigma=SIGMA, seed=1)
    estimate = contraction(noisy)
    kept = [t.clone() for t in (noisy, estimate, state.x)]
    once, twice = (state.scheduler.step(state, estimate) for _ in range(2))
    state.scheduler.view(state)
    assert torch.equal(once.x, twice.x) and state.step == 0 and once.step == 1
    assert all(torch.equal(a, b) for a, b in zip(kept, (noisy, estimate, state.x), strict=True))


@every
def test_misuse_is_named(name):
    state = SCHEDULERS[name]().start(picture(), sigma=SIGMA)
    with pytest.raises(ValueError, match="clean estimate is"):
        state.scheduler.step(state, picture(size=(9, 8)))
    with pytest.raises(ValueError, match="start again"):
        state.scheduler.step(replace(state, step=state.steps), picture())


@pytest.mark.parametrize("name", GENERATING)
@pytest.mark.parametrize(
    ("sigma", "problem"),
    [(None, "must know"), (torch.tensor([0.1, 0.2]), "one noise level"), (-0.1, "negative"), (float("nan"), "finite")],
)
def test_a_chain_is_entered_at_one_known_level(name, sigma, problem):
    with pytest.raises(DenoiseError, match=problem):
        SCHEDULERS[name]().start(picture(), sigma=sigma)


@pytest.mark.parametrize("name", GENERATING)
def test_a_picture_without_noise_and_one_beyond_all_noise_are_taken(name):
    for sigma in (0.0, 1e-4, 500.0):
        state = run_loop(SCHEDULERS[name]().start(picture(), sigma=sigma), contraction)
        assert torch.isfinite(state.x).all()


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


@pytest.mark.parametrize("name", SCHEDULERS)
def test_a_long_loop_keeps_no_history(name):
    """Of all tensors that states held on the way, only those of the last state are alive afterwards."""
    seen = []

    def watch(state):
        seen.extend(weakref.ref(t) for t in (state.x, state.clean) if t is not None)

    state = run_loop(taking(50, name).start(picture(), sigma=0.4), contraction, on_state=watch)
    gc.collect()
    assert len(seen) >= 40 and {id(r()) for r in seen if r() is not None} <= {id(state.x), id(state.clean)}


@every
def test_the_loop_is_its_single_steps(name):
    start = SCHEDULERS[name]().start(picture(), sigma=SIGMA, seed=2)
    by_hand = walk(start)[-1]
    state = start
    while not state.done:
        state = take_step(state, contraction, Monitor())
    assert torch.equal(run_loop(start, contraction).x, by_hand.x) and torch.equal(state.x, by_hand.x)


@every
def test_curves_have_a_value_for_each_visit_and_the_end(name):
    scheduler = SCHEDULERS[name]()
    for values in scheduler.curves().values():
        assert len(values) == scheduler.steps + 1
