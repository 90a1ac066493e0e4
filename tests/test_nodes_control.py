"""Nodes around denoisers: classical, zero-shot, ensembles, control, auto-tune."""

from dataclasses import replace

import pytest
import torch
from realdenoise.imaging.level import Level
from realdenoise.models.zero_shot import ZeroShotDenoiser
from realdenoise.nodes.autotune import AutoTune
from realdenoise.nodes.classical import ClassicalDenoiser, ZeroShot
from realdenoise.nodes.control import DenoiseControl
from realdenoise.nodes.ensemble import Ensemble, SelfEnsemble

WEIGHTS = {f"{name}_weight": 1.0 for name in ("first", "second", "third", "fourth")}


def method(title: str, strength: float = 1.0):
    return ClassicalDenoiser().make(title, strength)[0]


def noisy_edge(sigma: float = 0.1) -> tuple[torch.Tensor, torch.Tensor]:
    clean = torch.full((1, 40, 40, 3), 0.3)
    clean[:, :, 20:] = 0.7
    return clean, clean + sigma * torch.randn(clean.shape, generator=torch.manual_seed(0))


def test_the_menu_makes_the_chosen_filter():
    assert method("Total variation", 2.0).name == "tv"
    assert method("Total variation", 2.0).strength == 2.0


def test_zero_shot_node_passes_its_settings():
    denoiser = ZeroShot().make(70, 3)[0]
    assert (denoiser.iterations, denoiser.seed) == (70, 3)


def test_ensemble_leaves_out_what_is_not_connected_and_what_has_no_weight():
    picture = torch.rand(1, 3, 12, 12)
    tv, heat = method("Total variation"), method("Heat diffusion")
    (mixed,) = Ensemble().make(first=tv, second=heat, **{**WEIGHTS, "second_weight": 0.0})
    assert torch.allclose(mixed(picture, Level(0.1)), tv(picture, Level(0.1)))


def test_self_ensemble_wraps():
    (wrapped,) = SelfEnsemble().make(method("Total variation"))
    assert wrapped.spec.name == "tv x8"


def test_control_full_strength_is_the_denoised_picture_and_zero_the_noisy_one():
    clean, noisy = noisy_edge()
    node = DenoiseControl()
    assert torch.allclose(node.blend(noisy, clean, 1, 1, 0, 0, 0)[0], clean, atol=1e-6)
    assert torch.allclose(node.blend(noisy, clean, 0, 0, 0, 0, 0)[0], noisy, atol=1e-6)


def test_control_protects_by_mask():
    clean, noisy = noisy_edge()
    mask = torch.zeros(noisy.shape[:3])
    mask[:, :, :20] = 1
    (result,) = DenoiseControl().blend(noisy, clean, 1, 1, 0, 0, 0, mask)
    assert torch.allclose(result[:, :, :20], noisy[:, :, :20], atol=1e-6)
    assert torch.allclose(result[:, :, 20:], clean[:, :, 20:], atol=1e-6)


def test_control_names_the_mismatch():
    with pytest.raises(ValueError, match="two versions"):
        DenoiseControl().blend(torch.rand(1, 4, 4, 3), torch.rand(1, 5, 4, 3), 1, 1, 0, 0, 0)
    with pytest.raises(ValueError, match="protect"):
        picture = torch.rand(2, 4, 4, 3)
        DenoiseControl().blend(picture, picture, 1, 1, 0, 0, 0, torch.rand(3, 4, 4))


def test_auto_tune_finds_the_noise_level():
    _, noisy = noisy_edge(25 / 255)
    sigma, chart, report, denoiser = AutoTune().tune(method("Total variation"), noisy, 3.0, 100.0, 5, 2)["result"]
    assert 12 < sigma < 60
    assert chart.shape[-1] == 3 and report.startswith(f"best sigma {sigma:.2f}")
    assert denoiser == method("Total variation")


def test_auto_tune_finds_how_long_a_zero_shot_denoiser_should_learn():
    """Four steps are far too few for this network, and the hidden pixels say so."""
    clean, noisy = noisy_edge()
    long = ZeroShotDenoiser(iterations=64, learning_rate=1e-2)
    sigma, _, report, tuned = AutoTune().tune(long, noisy, 3.0, 100.0, 3, 1)["result"]
    errors = [float(line.split()[-1]) for line in report.splitlines()[1:]]
    counts = [int(line.split()[1].rstrip(":")) for line in report.splitlines()[1:]]
    assert sigma == 0 and counts == [4, 16, 64]
    assert tuned == replace(long, iterations=counts[errors.index(min(errors))]) and tuned.iterations > 4
    planes = noisy.permute(0, 3, 1, 2)
    short, best = (each(planes).permute(0, 2, 3, 1) - clean for each in (replace(long, iterations=counts[0]), tuned))
    assert best.square().mean() < short.square().mean()


@pytest.mark.parametrize(
    ("denoiser", "lowest", "problem"),
    [
        (method("Total variation"), 90.0, "below highest"),
        (SelfEnsemble().make(ZeroShot().make(50, 0)[0])[0], 5.0, "blind"),
    ],
)
def test_auto_tune_refuses_what_it_cannot_tune(denoiser, lowest, problem):
    with pytest.raises(ValueError, match=problem):
        AutoTune().tune(denoiser, noisy_edge()[1], lowest, 50.0, 5, 2)


def test_control_stays_between_black_and_white_where_the_picture_did():
    noisy = torch.rand(1, 24, 20, 4, generator=torch.manual_seed(0))
    settings = {"luma": 1.0, "chroma": 0.5, "fine_detail": 0.5, "medium_detail": 0.0, "coarse_detail": 0.0}
    (kept,) = DenoiseControl().blend(noisy, noisy.flip(1), **settings)
    assert kept.min() >= 0 and kept.max() <= 1
    (bright,) = DenoiseControl().blend(4 * noisy, 4 * noisy.flip(1), **settings)
    assert bright[..., :3].max() > 2
