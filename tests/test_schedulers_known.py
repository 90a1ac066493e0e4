"""Known pixels along the chain: they stay, the rest is made up, and going back up keeps the marginals."""

import pytest
import torch
import torch.nn.functional as F
from realdenoise.imaging.level import DenoiseError
from realdenoise.schedulers import SCHEDULERS, DDIMScheduler, DDPMScheduler, EDMScheduler
from realdenoise.schedulers.known import KnownLowResolution, KnownMask, KnownPixels
from realdenoise.schedulers.loop import run_loop

GENERATING = ("ddpm", "ddim", "langevin", "edm")


def picture(seed=0, size=(8, 8)):
    return torch.rand(1, 3, *size, generator=torch.Generator().manual_seed(seed))


def half_known():
    mask = torch.zeros(1, 1, 8, 8)
    mask[..., :4] = 1
    return mask


def gray(image, level, monitor):
    return torch.full_like(image, 0.25)


def look(state):
    return state.scheduler.view(state)[0]


@pytest.mark.parametrize("name", GENERATING)
def test_known_pixels_come_out_exactly_and_the_rest_is_the_denoisers(name):
    known = picture()
    scheduler = KnownPixels(SCHEDULERS[name](), KnownMask(known, half_known()))
    result = look(run_loop(scheduler.start_from_noise((2, 3, 8, 8), seed=1), gray))
    assert torch.equal(result[..., :4], known[..., :4].expand(2, -1, -1, -1))
    assert torch.allclose(result[..., 4:], torch.full((2, 3, 8, 4), 0.25), atol=1e-5)


@pytest.mark.parametrize("name", SCHEDULERS)
def test_they_are_kept_when_starting_from_a_picture_too(name):
    known = picture()
    scheduler = KnownPixels(SCHEDULERS[name](), KnownMask(known, half_known()))
    result = look(run_loop(scheduler.start(picture(1), sigma=0.3), gray))
    assert torch.equal(result[..., :4], known[..., :4])


def test_known_pixels_carry_the_noise_of_every_visited_time():
    """RePaint's eq. 8a: at time t the known part is √ᾱ·x0 plus noise of variance 1 − ᾱ."""
    known = torch.full((1, 1, 200, 200), 0.9)
    scheduler = KnownPixels(DDPMScheduler(5), KnownMask(known, torch.ones(1, 1, 200, 200)), repeats=3)
    state = scheduler.start_from_noise((1, 1, 200, 200), seed=1)
    while not state.done:
        alpha_bar = scheduler.scheduler.noise.alpha_bar(state.time)
        assert state.x.mean() == pytest.approx(alpha_bar**0.5 * 0.8, abs=0.02)
        assert state.x.var() == pytest.approx(1 - alpha_bar, rel=0.05)
        state = scheduler.step(state, torch.full_like(state.x, 0.1))


@pytest.mark.parametrize("name", GENERATING)
def test_block_averages_are_kept(name):
    small = picture(size=(4, 4)) * 0.5 + 0.25
    scheduler = KnownPixels(SCHEDULERS[name](), KnownLowResolution(small))
    result = look(run_loop(scheduler.start_from_noise((1, 3, 12, 12), seed=1), gray))
    assert torch.allclose(F.avg_pool2d(result, 3), small, atol=1e-5)


def test_repeats_take_every_step_several_times_with_fresh_noise():
    known = KnownMask(picture(), half_known())
    scheduler = KnownPixels(DDIMScheduler(4), known, repeats=3)
    state = scheduler.start_from_noise((1, 3, 8, 8), seed=1)
    plain = DDIMScheduler(4).start_from_noise((1, 3, 8, 8), seed=1).times
    assert state.steps == scheduler.steps == 12 and state.times[::3] == plain
    seen = []
    final = run_loop(state, gray, on_state=lambda s: seen.append(s.x))
    assert final.done and not torch.equal(seen[0], seen[1])


def test_one_repeat_and_nothing_known_is_the_plain_scheduler():
    nothing = KnownMask(picture(), torch.zeros(1, 1, 8, 8))
    for scheduler in (DDPMScheduler(6), EDMScheduler(6)):
        plain = run_loop(scheduler.start_from_noise((2, 3, 8, 8), seed=2), gray)
        wrapped = run_loop(KnownPixels(scheduler, nothing).start_from_noise((2, 3, 8, 8), seed=2), gray)
        assert torch.equal(plain.x, wrapped.x)


@pytest.mark.parametrize("repeats", [1, 2])
def test_a_frame_alone_equals_the_frame_in_its_batch(repeats):
    scheduler = KnownPixels(DDPMScheduler(5), KnownMask(picture(), half_known()), repeats)
    whole = run_loop(scheduler.start_from_noise((3, 3, 8, 8), seed=4), gray)
    alone = run_loop(scheduler.start_from_noise((1, 3, 8, 8), seed=4, first_frame=2), gray)
    assert torch.equal(whole.x[2:], alone.x)


@pytest.mark.parametrize(
    ("make", "problem"),
    [
        (lambda: KnownMask(picture(), torch.ones(1, 1, 4, 4)), "mask of the picture's size"),
        (lambda: KnownPixels(DDIMScheduler(), KnownMask(picture(), half_known()), 0), "repeats must be"),
        (lambda: KnownPixels(EDMScheduler(), KnownMask(picture(), half_known()), 2), "use DDPM or DDIM"),
        (lambda: KnownMask(picture(), half_known())(torch.zeros(1, 3, 9, 9)), "start from the same size"),
        (lambda: KnownMask(picture().expand(2, -1, -1, -1), half_known())(torch.zeros(3, 3, 8, 8)), "3 frames of 3"),
        (lambda: KnownMask(picture(), half_known())(torch.zeros(1, 1, 8, 8)), "1 frames of 1 channels"),
        (lambda: KnownMask(picture(), torch.ones(2, 1, 8, 8))(torch.zeros(1, 3, 8, 8)), "mask 2 of 1"),
        (lambda: KnownLowResolution(picture().expand(2, -1, -1, -1))(torch.zeros(1, 3, 8, 8)), "picture 2 of 3"),
        (lambda: KnownLowResolution(picture())(torch.zeros(1, 3, 12, 16)), "whole multiple"),
        (lambda: KnownLowResolution(picture())(torch.zeros(1, 3, 4, 4)), "whole multiple"),
    ],
)
def test_what_does_not_fit_is_named(make, problem):
    with pytest.raises(DenoiseError, match=problem):
        make()
