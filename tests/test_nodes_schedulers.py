"""Scheduler, loop, guidance and known-pixel nodes, one by one."""

from dataclasses import asdict, replace

import pytest
import torch
from realdenoise import schedulers as processes
from realdenoise.imaging.level import DenoiseError, Level
from realdenoise.models.contract import Spec
from realdenoise.monitor import Monitor
from realdenoise.nodes import NODE_CLASS_MAPPINGS
from realdenoise.schedulers import DDIMScheduler, DDPMScheduler, EDMScheduler
from realdenoise.schedulers.loop import run_loop


class Shrink:
    """A denoiser that depends on its condition."""

    spec = Spec(name="shrink", architecture="Shrink", classes=3)

    def __call__(self, image, level=Level(), monitor=None):
        return 0.3 + 0.4 * image + 0.1 * (-1 if level.condition is None else level.condition)


def test_sigma_zero_is_measured():
    clean = torch.full((1, 3, 64, 64), 0.5)
    noisy = clean + 0.1 * torch.randn(clean.shape, generator=torch.Generator().manual_seed(0))
    node = NODE_CLASS_MAPPINGS["RealDenoiseStartDenoising"]()
    state = node.start(DDPMScheduler(10), 0.0, 0, 1, 1, 1, 0, noisy.permute(0, 2, 3, 1))["result"][0]
    assert state.scheduler.view(state)[1].sigma == pytest.approx(0.1, rel=0.03)


def test_noise_and_score_are_what_the_denoiser_saw():
    clean = torch.full((1, 8, 8, 3), 0.5)
    noise = torch.randn(1, 8, 8, 3, generator=torch.Generator().manual_seed(0)).clamp(-2.9, 2.9)

    class Ideal(Shrink):
        def __call__(self, image, level=Level(), monitor=None):
            return clean.permute(0, 3, 1, 2)

    start = NODE_CLASS_MAPPINGS["RealDenoiseStartDenoising"]()
    predict = NODE_CLASS_MAPPINGS["RealDenoisePredictClean"]()
    state = start.start(EDMScheduler(5), 51.0, 0, 1, 1, 1, 0, clean + 0.2 * noise)["result"][0]
    estimate, seen, score = predict.predict(Ideal(), state)["result"]
    assert torch.equal(estimate, clean)
    assert torch.allclose(seen, 0.5 + noise / 6, atol=1e-5)
    assert torch.allclose(score, (0.5 - 0.2 * noise).clamp(0, 1), atol=1e-5)


@pytest.mark.parametrize(
    ("label", "expected"), [("", -1), ("0", 0), (" 2 ", 2), ("warm, smooth", 1), ("blue; sky", None), ("3", None)]
)
def test_labels_are_numbers_or_names_of_the_card(label, expected):
    denoiser = Shrink()
    denoiser.spec = replace(denoiser.spec, card={"classes": "neutral, smooth; warm, smooth; blue, smooth"})
    condition = NODE_CLASS_MAPPINGS["RealDenoiseConditionDenoiser"]().condition
    if expected is None:
        with pytest.raises(DenoiseError, match="warm, smooth"):
            condition(denoiser, label, "", 1.0)
        return
    conditioned = condition(denoiser, label, "", 1.0)["result"][0]
    assert torch.allclose(conditioned(torch.zeros(1, 3, 2, 2)), torch.tensor(0.3 + 0.1 * expected))


def test_the_last_condition_counts_and_a_denoiser_without_classes_says_so():
    condition = NODE_CLASS_MAPPINGS["RealDenoiseConditionDenoiser"]().condition
    first = condition(Shrink(), "2", "", 1.0)["result"][0]
    second = condition(first, "1", "", 1.0)["result"][0]
    assert torch.allclose(second(torch.zeros(1, 3, 2, 2)), torch.tensor(0.4))
    plain = Shrink()
    plain.spec = replace(plain.spec, classes=0)
    with pytest.raises(DenoiseError, match="no classes"):
        condition(plain, "1", "", 1.0)


def test_known_pixels_with_a_small_empty_mask_and_without_one():
    node = NODE_CLASS_MAPPINGS["RealDenoiseKnownPixels"]()
    image = torch.rand(1, 8, 6, 4)
    scheduler, shown = node.wrap(DDIMScheduler(3), image, 1, torch.zeros(1, 64, 64))["result"]
    final = run_loop(scheduler.start_from_noise((1, 3, 8, 6)), lambda x, level, monitor: x * 0)
    assert torch.equal(scheduler.view(final)[0].permute(0, 2, 3, 1), image[..., :3]) and torch.equal(
        shown, image[..., :3]
    )
    hole = torch.zeros(1, 8, 6)
    hole[:, 2:4, 2:4] = 1
    scheduler, shown = node.wrap(DDIMScheduler(3), image, 1, hole)["result"]
    final = run_loop(scheduler.start_from_noise((1, 3, 8, 6)), lambda x, level, monitor: x * 0)
    filled = scheduler.view(final)[0].permute(0, 2, 3, 1)
    assert torch.equal(filled, torch.where(hole[..., None] > 0, torch.zeros(()), image[..., :3]))
    assert (shown[:, 2:4, 2:4] == 0.5).all()
    larger, _ = node.wrap(DDIMScheduler(3), image[..., :3], 1)["result"]
    final = run_loop(larger.start_from_noise((1, 3, 16, 12)), lambda x, level, monitor: x * 0)
    blocks = torch.nn.functional.avg_pool2d(larger.view(final)[0], 2)
    assert torch.allclose(blocks.permute(0, 2, 3, 1), image[..., :3], atol=1e-5)


def defaults(cls):
    return {name: widget[1].get("default") for name, widget in cls.INPUT_TYPES()["required"].items()}


@pytest.mark.parametrize("name", ["DDPM", "DDIM", "Interpolation", "Langevin", "EDM", "Heat"])
def test_scheduler_nodes_show_a_chart_that_follows_their_settings(name):
    cls = NODE_CLASS_MAPPINGS[f"RealDenoise{name}Scheduler"]
    charts = []
    for change in ({}, {"levels" if name in ("Langevin", "EDM") else "steps": 3}):
        scheduler, chart = cls().build(**{**defaults(cls), **change})["result"]
        assert chart.shape[0] == 1 and chart.shape[-1] == 3 and 0 <= chart.min() <= chart.max() <= 1
        charts.append((scheduler.steps, chart))
    assert charts[0][0] > charts[1][0] and not torch.equal(charts[0][1], charts[1][1])


@pytest.mark.parametrize("name", ["Langevin", "EDM"])
def test_exchanged_noise_levels_are_named_in_the_nodes_own_numbers(name):
    cls = NODE_CLASS_MAPPINGS[f"RealDenoise{name}Scheduler"]
    with pytest.raises(DenoiseError, match="sigma_min is 100 and above sigma_max, 25"):
        cls().build(**{**defaults(cls), "sigma_max": 25.0, "sigma_min": 100.0})


@pytest.mark.parametrize("name", ["DDPM", "DDIM", "Interpolation", "Langevin", "EDM", "Heat"])
def test_defaults_of_scheduler_nodes_are_those_of_the_schedulers(name):
    """On the canvas as in Python; only the number of DDIM steps is smaller, because few are enough."""
    cls = NODE_CLASS_MAPPINGS[f"RealDenoise{name}Scheduler"]
    scheduler = cls().build(**defaults(cls))["result"][0]
    plain = getattr(processes, f"{name}Scheduler")(**({"steps": 25} if name == "DDIM" else {}))
    for name, value in asdict(plain).items():
        ours = asdict(scheduler)[name]
        assert ours == (pytest.approx(value) if isinstance(value, float) else value), name


@pytest.mark.parametrize("name", ["PredictClean", "SchedulerStep", "SampleLoop"])
def test_anything_but_a_state_is_refused(name):
    node = NODE_CLASS_MAPPINGS["RealDenoise" + name]()
    arguments = {
        "PredictClean": (Shrink(), 7),
        "SchedulerStep": (7, torch.rand(1, 4, 4, 3)),
        "SampleLoop": (Shrink(), 7, 0),
    }
    with pytest.raises(TypeError, match="Start Denoising"):
        getattr(node, node.FUNCTION)(*arguments[name])


@pytest.mark.parametrize("scale", [0.0, 0.4, 1.0, 3.0])
def test_guidance_is_its_formula_and_exact_at_its_ends(scale):
    positive, negative = torch.rand(2, 4, 4, 3), torch.rand(2, 4, 4, 3)
    guided = NODE_CLASS_MAPPINGS["RealDenoiseGuidedPrediction"]().guide(positive, negative, scale)[0]
    assert torch.allclose(guided, negative + scale * (positive - negative), atol=1e-6)
    ends = {0.0: negative, 1.0: positive}
    assert scale not in ends or torch.equal(guided, ends[scale])
    with pytest.raises(DenoiseError, match="one state"):
        NODE_CLASS_MAPPINGS["RealDenoiseGuidedPrediction"]().guide(positive, negative[:1], scale)


def test_the_size_may_come_from_the_known_pixels():
    start = NODE_CLASS_MAPPINGS["RealDenoiseStartDenoising"]().start
    image = torch.rand(1, 8, 6, 3)
    known = NODE_CLASS_MAPPINGS["RealDenoiseKnownPixels"]()
    masked = known.wrap(DDIMScheduler(3), image, 1, torch.zeros(1, 8, 6))["result"][0]
    assert start(masked, 0.0, 0, 0, 0, 2, 0)["result"][0].x.shape == (2, 3, 8, 6)
    for scheduler in (DDIMScheduler(3), known.wrap(DDIMScheduler(3), image, 1)["result"][0]):
        with pytest.raises(DenoiseError, match="width and height"):
            start(scheduler, 0.0, 0, 0, 0, 1, 0)


def test_heat_diffusion_is_cancelled_between_its_iterations(monkeypatch):
    calls = []

    def cancel_at_the_third():
        calls.append(None)
        if len(calls) == 3:
            raise InterruptedError

    monkeypatch.setattr("realdenoise.host.monitor", lambda *_: Monitor(check_cancel=cancel_at_the_third))
    scheduler = NODE_CLASS_MAPPINGS["RealDenoiseHeatScheduler"]().build(2, 10, 0.1, 1.0, "edge")["result"][0]
    assert scheduler == processes.HeatScheduler(2, 10, 0.1, 1.0)
    with pytest.raises(InterruptedError):
        scheduler.start(torch.rand(1, 3, 8, 8))
    calls.extend([None] * 7)  # no third call any more
    state = scheduler.start(torch.rand(1, 3, 8, 8))
    calls.clear()
    with pytest.raises(InterruptedError):
        scheduler.step(state, state.x)
