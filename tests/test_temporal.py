"""Less flicker over time: what moves is followed, and no frame loses by it."""

import math

import pytest
import torch
from realdenoise.imaging.flicker import Flicker, flicker
from realdenoise.imaging.motion import camera_motion, motion, pixel_grid, sample
from realdenoise.imaging.temporal import TemporalBlend


def texture(height: int, width: int, seed: int = 3) -> torch.Tensor:
    """[1,3,H,W] in [0,1]: coarse shapes with finer ones on them."""
    random, layers = torch.Generator().manual_seed(seed), []
    for scale, weight in ((6, 0.7), (3, 0.3)):
        coarse = torch.rand(1, 3, height // scale, width // scale, generator=random)
        layers.append(weight * torch.nn.functional.interpolate(coarse, (height, width), mode="bicubic"))
    return sum(layers).clamp(0, 1)


def scene(kind: str, frame: int) -> torch.Tensor:
    """A square over a still background, a pan, a cut in the middle, a disc that crosses a pan, a change of light or a
    dissolve: [1,3,96,128]."""
    wide = texture(120, 168)
    light = {"fade": 1 - 0.1 * frame, "fade in": 0.1 * frame, "lamp": 0.7 + 0.1 * math.sin(2.1 * frame)}.get(kind)
    if light is not None:
        return light * wide[..., 10:106, :128]
    if kind == "dissolve":
        other = texture(120, 168, seed=7)
        return ((9 - frame) * wide + frame * other)[..., 10:106, :128] / 9
    if kind == "disc and pan":
        grid = pixel_grid(torch.empty(1, 1, 96, 128))
        picture = sample(wide, grid + torch.tensor([8 + 0.7 * frame, 4 + 2.3 * frame]).view(1, 2, 1, 1), "bicubic")
        middle = torch.tensor([48 + 14 * math.sin(0.5 * frame), 24 + 6.4 * frame]).view(1, 2, 1, 1)
        cover = (20.5 - (grid - middle).square().sum(1, keepdim=True).sqrt()).clamp(0, 1)
        return picture * (1 - cover) + sample(texture(60, 60, seed=9), grid - middle + 30, "bicubic") * cover
    left = 3 * frame if kind == "pan" else 0
    picture = wide[..., 10:106, left : left + 128].clone()
    if kind == "object":
        picture[..., 30:60, 10 + 5 * frame : 40 + 5 * frame] = torch.tensor([0.8, 0.2, 0.3]).view(3, 1, 1)
    return picture.flip(-1) if kind == "cut" and frame >= 4 else picture


def blur(image: torch.Tensor) -> torch.Tensor:
    """A denoiser that takes no time."""
    return torch.nn.functional.avg_pool2d(torch.nn.functional.pad(image, [1] * 4, mode="replicate"), 3, stride=1)


AT_MOST = {
    "object": {10: 0.8, 25: 0.75, 50: 0.7},
    "pan": {10: 0.95, 25: 0.87, 50: 0.8},
    "cut": {10: 0.75, 25: 0.7, 50: 0.7},
    "disc and pan": {10: 0.97, 25: 0.88, 50: 0.8},
    "fade": {10: 1.001, 25: 0.9, 50: 0.75},
    "fade in": {10: 1.001, 25: 0.9, 50: 0.75},
    "lamp": {10: 1.001, 25: 0.9, 50: 0.75},
    "dissolve": {10: 1.001, 25: 1.001, 50: 0.95},
}
"""Flicker against that of the frames by themselves, by kind of scene and noise level."""


@pytest.mark.parametrize("sigma", [10, 25, 50])
@pytest.mark.parametrize("kind", AT_MOST)
def test_blending_lowers_flicker_and_no_frames_psnr(kind, sigma):
    blend, random = TemporalBlend(), torch.Generator().manual_seed(0)
    calm, restless = Flicker(), Flicker()
    for index in range(8):
        truth = scene(kind, index)
        noisy = truth + torch.randn(truth.shape, generator=random) * sigma / 255
        single = blur(noisy)
        blended = blend(noisy, single)
        assert (blended - truth).square().mean() <= 1.0005 * (single - truth).square().mean()  # 0.002 dB
        calm.add(blended, truth)
        restless.add(single, truth)
    assert calm.value < AT_MOST[kind][sigma] * restless.value


@pytest.mark.parametrize("shift", [(0, 0), (3, -5), (-7, 22)])
@pytest.mark.parametrize("sigma", [0, 50])
def test_pans_are_found_in_noise(shift, sigma):
    wide, random = texture(160, 192).mean(1, keepdim=True), torch.Generator().manual_seed(0)
    frames = [wide[..., 30 + row : 126 + row, 30 + column : 158 + column] for row, column in ((0, 0), shift)]
    noisy = [frame + torch.randn(frame.shape, generator=random) * sigma / 255 for frame in frames]
    halves = [torch.nn.functional.avg_pool2d(frame, 2) for frame in noisy]
    assert camera_motion([tuple(noisy), tuple(halves)]) == shift


@pytest.mark.parametrize("step", [(0.0, 0.0), (2.3, -1.4), (-6.0, 9.6)])
def test_motion_is_found_to_a_fraction_of_a_pixel(step):
    wide, grid = texture(160, 192), pixel_grid(torch.empty(1, 1, 96, 128))
    before = sample(wide, grid + 30, "bicubic")
    now = sample(wide, grid + 30 + torch.tensor(step).view(1, 2, 1, 1), "bicubic")
    found = motion(before, now)[..., 24:-24, 24:-24]
    assert (found - torch.tensor(step).view(1, 2, 1, 1)).abs().mean() < 0.1


def test_two_things_move_in_two_ways():
    before, now = scene("disc and pan", 3), scene("disc and pan", 4)
    flow = motion(before, now)
    inside = flow[0, :, 44:68, 38:60].flatten(1).median(dim=1).values  # the disc in frame 4 is around (61, 50)
    outside = flow[0, :, 10:80, 85:115].flatten(1).median(dim=1).values
    drop = 14 * (math.sin(2) - math.sin(1.5))
    assert torch.allclose(inside, torch.tensor([-drop, -6.4]), atol=0.7)
    assert torch.allclose(outside, torch.tensor([0.7, 2.3]), atol=0.3)


@pytest.mark.parametrize("size", [(1, 1), (2, 40), (23, 24), (97, 61)])
def test_frames_of_any_size(size):
    blend = TemporalBlend()
    for seed in range(3):
        frame = torch.rand(1, 3, *size, generator=torch.Generator().manual_seed(seed))
        result = blend(frame, frame * 0.5 + 0.2)
        assert result.shape == frame.shape and torch.isfinite(result).all()


def test_a_clip_without_noise_is_left_alone():
    blend = TemporalBlend()
    for index in range(3):
        picture = torch.full((1, 3, 32, 32), 0.1 * index)
        assert torch.equal(blend(picture, picture), picture)


@pytest.mark.parametrize("black", ["bars", "first frame"])
def test_black_bars_and_a_black_start_do_not_switch_blending_off(black):
    blend, random = TemporalBlend(), torch.Generator().manual_seed(0)
    for index in range(5):
        picture = 0.2 + 0.6 * texture(96, 128)
        noisy = picture + torch.randn(picture.shape, generator=random) * 0.03
        if black == "bars":
            noisy[..., :12, :] = noisy[..., -12:, :] = 0
        elif index == 0:
            noisy = torch.zeros_like(picture)
        single, truth = blur(noisy), blur(picture)
        blended = blend(noisy, single)
    left, alone = ((frame - truth)[..., 16:-16, :].std().item() for frame in (blended, single))
    assert left < 0.75 * alone


def test_a_clip_may_change_its_size():
    blend = TemporalBlend()
    blend(torch.rand(1, 3, 20, 20), torch.rand(1, 3, 20, 20))
    other = torch.rand(1, 3, 24, 20)
    assert torch.equal(blend(other, other), other)


@pytest.mark.parametrize("strength", [-0.1, 1.0])
def test_a_strength_that_would_never_forget_is_refused(strength):
    with pytest.raises(ValueError, match="below 1"):
        TemporalBlend(strength)


def test_flicker_is_what_changes_and_not_what_is_wrong():
    truth = torch.cat([scene("pan", index) for index in range(5)])
    assert flicker(truth + 0.1, truth) == pytest.approx(0, abs=1e-6)
    noise = torch.randn(truth.shape, generator=torch.Generator().manual_seed(0)) * 0.05
    assert flicker(truth + noise, truth) == pytest.approx(2 * 0.05 / math.sqrt(math.pi), rel=0.02)
    assert flicker(truth[:1]) == 0


def test_without_a_reference_motion_does_not_count():
    clip = torch.cat([scene("disc and pan", index) for index in range(4)])
    plain = (clip[1:] - clip[:-1]).abs().mean()
    assert flicker(clip) < 0.25 * plain
    noise = torch.randn(clip.shape, generator=torch.Generator().manual_seed(0)) * 0.05
    assert flicker(clip + noise) > 2 * flicker(clip)
