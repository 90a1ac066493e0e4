"""What works without a clean picture: zero-shot training, auto-tuning, ensembles."""

import numpy as np
import pytest
import torch
from realdenoise.imaging.level import DenoiseError, Level
from realdenoise.models.autotune import CELLS, auto_tune, hide
from realdenoise.models.classical.base import classical
from realdenoise.models.contract import Spec
from realdenoise.models.lora import adapted
from realdenoise.models.network_denoiser import NetworkDenoiser
from realdenoise.models.wrappers.ensemble import EIGHT, SelfEnsemble, WeightedEnsemble, turned, turned_back
from realdenoise.models.zero_shot import ZeroShotDenoiser, pair_downsample
from realdenoise.monitor import Monitor
from realdenoise.training.in_memory import new_student
from skimage import data
from torch import nn

SIGMA = 25 / 255


@pytest.fixture(scope="module")
def cat() -> tuple[torch.Tensor, torch.Tensor]:
    clean = torch.from_numpy(data.chelsea()[60:156, 100:228].astype(np.float32) / 255).permute(2, 0, 1)[None]
    return clean, clean + SIGMA * torch.randn(clean.shape, generator=torch.manual_seed(0))


def decibels(clean, picture) -> float:
    return float(-10 * torch.log10((clean - picture).square().mean()))


def test_downsampled_pair_has_independent_noise_of_half_the_variance():
    noise = torch.randn(1, 1, 256, 256, generator=torch.manual_seed(0))
    first, second = pair_downsample(noise)
    assert float(first.var()) == pytest.approx(0.5, abs=0.02)
    assert float((first * second).mean()) == pytest.approx(0, abs=0.02)


def test_zero_shot_gains_six_decibels(cat):
    clean, noisy = cat
    result = ZeroShotDenoiser(iterations=150, crop=96, learning_rate=5e-3)(noisy)
    assert decibels(clean, result) > decibels(clean, noisy) + 6


@pytest.mark.slow
def test_zero_shot_gains_six_decibels_on_the_usual_pictures(set12, cbsd68):
    """All of Set12 and every eleventh picture of CBSD68 with noise of sigma 25, as the node runs it."""
    pairs = [
        (clean.permute(0, 3, 1, 2), noisy.permute(0, 3, 1, 2)) for clean, noisy in set12(25) + cbsd68(68, 25)[::11]
    ]
    gains = [
        decibels(clean, ZeroShotDenoiser()(noisy.contiguous()).clamp(0, 1)) - decibels(clean, noisy)
        for clean, noisy in pairs
    ]
    assert len(gains) == 19 and np.mean(gains) > 6 and min(gains) > 2


def test_zero_shot_is_repeatable_and_runs_in_inference_mode(cat):
    _, noisy = cat
    with torch.inference_mode():
        first = ZeroShotDenoiser(iterations=3, crop=32)(noisy.clone())
    state = torch.random.get_rng_state()
    assert torch.equal(first, ZeroShotDenoiser(iterations=3, crop=32)(noisy))
    assert torch.equal(torch.random.get_rng_state(), state)
    assert not torch.equal(first, ZeroShotDenoiser(iterations=3, crop=32, seed=1)(noisy))


def test_zero_shot_stops_when_cancelled(cat):
    steps = []

    def cancel():
        steps.append(1)
        if len(steps) == 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        ZeroShotDenoiser(iterations=100, crop=16)(cat[1], Level(), Monitor(check_cancel=cancel))


def test_zero_shot_works_through_large_pictures_in_tiles(cat, monkeypatch):
    picture = cat[1][..., :96, :80]
    whole = ZeroShotDenoiser(iterations=3)(picture)
    monkeypatch.setattr(NetworkDenoiser, "_tile_sides", lambda self, height, width: (64, 64))
    assert torch.allclose(ZeroShotDenoiser(iterations=3)(picture), whole, atol=1e-6)


def test_zero_shot_refuses_what_it_cannot_learn_from():
    with pytest.raises(ValueError, match="8x8"):
        ZeroShotDenoiser()(torch.rand(1, 3, 7, 30))


def test_hidden_pixels_do_not_depend_on_their_own_value():
    image = torch.rand(1, 1, 12, 12)
    changed = image.clone()
    hidden, mask = hide(image, 1, 2)
    changed[mask.expand_as(image)] += 5
    assert torch.equal(hide(changed, 1, 2)[0][mask], hidden[mask])
    assert int(mask.sum()) == 9


def test_pixels_at_the_border_are_hidden_too():
    for index, cell in enumerate(CELLS):
        image = torch.rand(1, 1, 7, 6)
        changed = image.clone()
        changed[..., cell[0], cell[1]] += 5
        assert torch.equal(hide(changed, *cell)[0], hide(image, *cell)[0]), index
    assert hide(torch.rand(1, 1, 1, 1), 0, 0)[0].shape == (1, 1, 1, 1)


def test_few_masks_already_meet_every_colour_of_a_mosaic():
    assert len(set(CELLS)) == 16
    assert {(row % 2, column % 2) for row, column in CELLS[:4]} == {(0, 0), (0, 1), (1, 0), (1, 1)}
    assert {row for row, _ in CELLS[:4]} == {column for _, column in CELLS[:4]} == {0, 1, 2, 3}


def test_auto_tune_finds_the_best_sigma_without_the_clean_picture(cat):
    clean, noisy = cat
    method = classical()["nlm"]
    sigmas = [5 / 255, 15 / 255, 25 / 255, 40 / 255, 80 / 255]
    tuning = auto_tune(lambda x, s, m: method(x, Level(s), m), noisy, sigmas)
    truth = [decibels(clean, method(noisy, Level(s))) for s in sigmas]
    assert truth[tuning.best] > max(truth) - 0.3
    # the loss is the true error plus the noise's variance
    assert min(tuning.losses) == pytest.approx(SIGMA**2, rel=0.35)


@pytest.mark.parametrize("arguments", [{"settings": []}, {"settings": [1], "masks": 17}])
def test_auto_tune_refuses(arguments, cat):
    with pytest.raises(ValueError, match="auto-tune|masks"):
        auto_tune(lambda x, s, m: x, cat[1], **arguments)


@pytest.mark.parametrize(("turns", "flip"), EIGHT)
def test_turning_back_is_the_inverse(turns, flip):
    picture = torch.rand(1, 3, 4, 7)
    assert torch.equal(turned_back(turned(picture, turns, flip), turns, flip), picture)


class ShiftsRight:
    """A denoiser with a preferred direction, which the ensemble must average away."""

    spec = Spec("shift", "Shift")

    def __call__(self, image, level=None, monitor=None):
        return image.roll(1, -1)


def test_self_ensemble_has_no_preferred_direction():
    spot = torch.zeros(1, 1, 9, 9)
    spot[..., 4, 4] = 1
    result = SelfEnsemble(ShiftsRight())(spot)
    for turns, flip in EIGHT:
        assert torch.allclose(turned(result, turns, flip), result)
    assert float(result[0, 0, 4, 5]) == pytest.approx(0.25)


def test_self_ensemble_turns_the_sigma_map_too():
    class AddsMap:
        spec = Spec("map", "Map", conditioning="sigma_map")

        def __call__(self, image, level=None, monitor=None):
            return image + level.sigma

    picture, sigma = torch.rand(1, 3, 5, 8), torch.rand(1, 1, 5, 8)
    assert torch.allclose(SelfEnsemble(AddsMap())(picture, Level(sigma)), picture + sigma, atol=1e-6)


def test_weighted_ensemble_is_the_weighted_mean(cat):
    _, noisy = cat
    first, second = classical()["tv"], classical()["heat"]
    mixed = WeightedEnsemble((first, second), (3.0, 1.0))(noisy, Level(SIGMA))
    expected = 0.75 * first(noisy, Level(SIGMA)) + 0.25 * second(noisy, Level(SIGMA))
    assert torch.allclose(mixed, expected, atol=1e-6)


@pytest.mark.parametrize("weights", [(1.0,), (-1.0, 2.0), (0.0, 0.0)])
def test_impossible_weights(weights):
    with pytest.raises(DenoiseError, match="weights"):
        WeightedEnsemble((ShiftsRight(), ShiftsRight()), weights)


NETWORK = nn.Sequential(nn.Conv2d(3, 3, 3))
SEEDED = {
    "zero-shot": lambda: ZeroShotDenoiser(iterations=1, crop=16, device="cpu")(torch.zeros(1, 3, 32, 32)),
    "new network": lambda: new_student("DnCNN", 0, {"depth": 3, "width": 4}),
    "adapter": lambda: adapted(NETWORK),
}


@pytest.mark.parametrize("what", SEEDED)
def test_seeds_of_ours_leave_the_random_numbers_of_others_alone(monkeypatch, what):
    """Also those of GPUs, which torch.manual_seed starts anew."""
    touched = []
    monkeypatch.setattr(torch.cuda, "manual_seed_all", touched.append)
    monkeypatch.setattr(torch.mps, "manual_seed", touched.append)
    state = torch.random.get_rng_state()
    SEEDED[what]()
    assert torch.equal(torch.random.get_rng_state(), state) and touched == []


def test_zero_shot_crops_do_not_depend_on_who_else_draws():
    noisy = torch.rand(1, 3, 48, 48, generator=torch.manual_seed(0))
    disturbed = Monitor(lambda *_: torch.rand(3))
    runs = [ZeroShotDenoiser(iterations=4, crop=16, device="cpu")(noisy, Level(), m) for m in (Monitor(), disturbed)]
    assert torch.equal(*runs)
