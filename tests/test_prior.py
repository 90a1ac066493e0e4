"""Denoising by sampling, the classes of the prior, and the prior in the box."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from realdenoise.imaging.level import DenoiseError, Level
from realdenoise.imaging.noise_schedule import NoiseSchedule
from realdenoise.models.adapters import predict_clean
from realdenoise.models.contract import Spec
from realdenoise.models.guidance import parse_label
from realdenoise.models.loader import load_denoiser
from realdenoise.models.prediction import CHAIN_PREDICTIONS, expected_output
from realdenoise.models.prior_labels import LABELS, label
from realdenoise.nodes import NODE_CLASS_MAPPINGS
from realdenoise.schedulers.ddpm import DDPMScheduler
from realdenoise.schedulers.loop import run_loop
from realdenoise.schedulers.posterior import denoise_with_prior, sample_posterior
from realdenoise.training.checkpoint import save_network
from realdenoise.training.objectives.ddpm import quarters, timesteps
from realdenoise.training.recipe import recipe_from
from realdenoise.training.run import metadata
from realdenoise.training.samples import TensorSource
from realdenoise.training.trainer import Trainer
from realdenoise.training.validation import probes_from_pictures

PRIOR_MEAN, PRIOR_SPREAD = 0.4, 0.12


def gaussian_denoiser(image: torch.Tensor, level: Level, _: object = None) -> torch.Tensor:
    """The exact clean estimate when every pixel is an independent N(0.4, 0.12²): Wiener's filter."""
    signal, noise = PRIOR_SPREAD**2, torch.as_tensor(level.sigma) ** 2
    return (signal * image + noise * PRIOR_MEAN) / (signal + noise)


def test_samples_have_the_posterior_of_a_gaussian_prior() -> None:
    """Known in closed form: mean = Wiener's estimate, variance = s²σ²/(s² + σ²)."""
    sigma = 0.1
    noisy = PRIOR_MEAN + 0.15 * torch.randn(1, 3, 24, 24, generator=torch.Generator().manual_seed(0))
    drawn = denoise_with_prior(noisy, gaussian_denoiser, sigma, runs=40, steps=1000)
    spread = PRIOR_SPREAD * sigma / (PRIOR_SPREAD**2 + sigma**2) ** 0.5
    off = drawn.mean - gaussian_denoiser(noisy, Level(sigma))
    assert abs(off.mean()) < 0.002
    assert off.std() == pytest.approx(spread / 40**0.5, rel=0.1)
    # the chain's variance leaves out what x0 varies within one of its steps, here 3.7 %
    assert drawn.spread.square().mean().sqrt() == pytest.approx(spread, rel=0.05)
    assert (drawn.one - noisy).std() > 0.01


def test_mean_is_that_of_the_runs_one_by_one() -> None:
    noisy = torch.rand(2, 3, 8, 8)
    state = DDPMScheduler(4).start(noisy, sigma=0.2, seed=5)
    drawn = sample_posterior(state, gaussian_denoiser, 3)
    ends = [run_loop(replace(state, seed=seed), gaussian_denoiser) for seed in (5, 6, 7)]
    average = sum(end.scheduler.view(end)[0] for end in ends) / 3
    assert torch.allclose(drawn.mean, average, atol=1e-6)
    alone = denoise_with_prior(noisy[1:], gaussian_denoiser, 0.2, runs=3, steps=4, seed=5, first_frame=1)
    assert torch.allclose(alone.mean, drawn.mean[1:], atol=1e-6)
    assert torch.allclose(alone.spread, drawn.spread[1:], atol=1e-6)


def test_one_step_is_a_plain_call() -> None:
    noisy = torch.rand(2, 1, 8, 8)
    sigma = torch.tensor([0.1, 0.3])
    drawn = denoise_with_prior(noisy, gaussian_denoiser, sigma, runs=2, steps=1)
    assert drawn.spread.max() < 1e-6
    for frame in range(2):
        plain = gaussian_denoiser(noisy[frame : frame + 1], Level(float(sigma[frame])))
        assert torch.allclose(drawn.mean[frame : frame + 1], plain, atol=0.01)  # the timestep's sigma is the nearest


def test_highlights_beyond_white_are_kept_in_the_frames_that_have_them() -> None:
    clean = torch.full((2, 3, 24, 24), 0.25)
    clean[1, :, 8:16] = 5.0
    noisy = clean + 0.05 * torch.randn(clean.shape, generator=torch.Generator().manual_seed(0))

    def trusting(image: torch.Tensor, level: Level, _: object = None) -> torch.Tensor:
        return image

    drawn = denoise_with_prior(noisy, trusting, 0.05, runs=3, steps=5)
    assert (drawn.mean[1] - clean[1]).abs().max() < 0.3
    assert drawn.one[1, :, 8:16].mean() == pytest.approx(5, abs=0.02)
    alone = denoise_with_prior(noisy[:1], trusting, 0.05, runs=3, steps=5)
    assert torch.equal(alone.mean[0], drawn.mean[0]) and drawn.mean[0].min() >= 0
    above_white = denoise_with_prior(1 + noisy[:1] - clean[:1], trusting, 0.05, runs=3, steps=5)
    assert above_white.mean.max() <= 1, "noise alone is no highlight"


def test_unusable_settings_are_refused() -> None:
    noisy = torch.rand(1, 3, 8, 8)
    with pytest.raises(ValueError, match="runs"):
        denoise_with_prior(noisy, gaussian_denoiser, 0.1, runs=0)
    with pytest.raises(DenoiseError, match="noise level"):
        denoise_with_prior(noisy, gaussian_denoiser, None)
    with pytest.raises(DenoiseError, match="one per frame"):
        denoise_with_prior(noisy, gaussian_denoiser, torch.tensor([0.1, 0.2]))
    with pytest.raises(DenoiseError, match="not a map"):
        denoise_with_prior(noisy, gaussian_denoiser, torch.rand(1, 1, 8, 8))


class Wiener:
    """The Gaussian denoiser as a denoiser of the contract."""

    def __init__(self, conditioning: str = "sigma") -> None:
        self.spec = Spec("wiener", "test", conditioning=conditioning)  # type: ignore[arg-type]

    def __call__(self, image: torch.Tensor, level: Level = Level(), _: object = None) -> torch.Tensor:
        return gaussian_denoiser(image, level)


def test_node_gives_mean_one_run_and_spread() -> None:
    node = NODE_CLASS_MAPPINGS["RealDenoiseDenoiseWithPrior"]()
    noisy = torch.rand(2, 9, 7, 4)
    result = node.sample(Wiener(), noisy, 25.5, 4, 5, 3, 0)
    image, one, spread, report = result["result"]
    drawn = denoise_with_prior(noisy[..., :3].permute(0, 3, 1, 2), Wiener(), 0.1, runs=4, steps=5, seed=3)
    for shown, planes in ((image, drawn.mean), (one, drawn.one)):
        assert torch.equal(shown[..., :3], planes.permute(0, 2, 3, 1))
        assert torch.equal(shown[..., 3:], noisy[..., 3:])
    assert spread.shape == (2, 9, 7, 3)
    level = float((drawn.spread.square().mean().sqrt() * 255).round(decimals=2))
    assert f"spread {level:.2f}" in report and "4 runs of 5 steps" in report
    assert float(spread.square().mean().sqrt()) == pytest.approx(level / 25.5, rel=0.02)
    few = node.sample(Wiener(), noisy, 2.0, 2, 5, 3, 0)["result"][3]  # enters at the second timestep
    assert "2 runs of 2 steps" in few
    told, blind = (node.sample(Wiener(how), noisy, 0.0, 2, 5, 3, 0)["result"] for how in ("sigma", "none"))
    assert "(measured)" in blind[3] and torch.equal(blind[0], told[0]), "the chain is entered at the measured level"


CHAIN = {
    "name": "tiny_prior",
    "network": "UNet2D",
    "objective": "ddpm",
    "options": {
        "block_out_channels": [16, 16],
        "down_block_types": ["DownBlock2D"] * 2,
        "up_block_types": ["UpBlock2D"] * 2,
        "layers_per_block": 1,
        "norm_num_groups": 4,
        "add_attention": False,
        "num_class_embeds": 9,
        "null_class": True,
        "class_names": list(LABELS),
        "scheduler": {"prediction_type": "v_prediction"},
    },
    "objective_options": {"low_share": 0.5, "quarter_share": 0.5},
    "data": {"clean": ["memory"], "crop": 32, "batch": 4},
    "noise": [{"kind": "gaussian", "low": 25, "high": 25}],
    "optimiser": {"ema": 0.9, "clip_norm": 1.0},
}


def pictures() -> torch.Tensor:
    """[4,48,48,3] smooth colours."""
    ramp = torch.linspace(0, 1, 48)
    planes = [ramp[:, None] * 0.6, ramp[None] * 0.8, 0.5 + 0.2 * torch.sin(9 * ramp[:, None] + 5 * ramp[None])]
    picture = torch.stack([plane.expand(48, 48) for plane in planes], dim=-1)
    return torch.stack([picture.roll(shift, -1) for shift in range(3)] + [1 - picture])


@pytest.mark.parametrize(("prediction", "steps"), [("epsilon", 80), ("v_prediction", 80), ("sample", 160)])
def test_objective_teaches_a_chain(tmp_path: Path, prediction: str, steps: int) -> None:
    options = {**CHAIN["options"], "scheduler": {"prediction_type": prediction}}
    length = {"schedule": {"steps": steps, "learning_rate": 3e-3}, "validation": {"every": steps}}
    recipe = recipe_from({**CHAIN, **length, "options": options})
    probes = probes_from_pictures(recipe, list(pictures().numpy()))
    trainer = Trainer(recipe, TensorSource(recipe, pictures()), probes, precision="fp32")
    trained = trainer.run()
    save_network(trained.state, tmp_path / "prior.safetensors", metadata(recipe, trained))
    denoiser = load_denoiser(tmp_path / "prior.safetensors", device="cpu", precision="fp32")
    assert denoiser.spec.classes == 8 and parse_label("textured green", denoiser.spec) == 5
    clean = pictures().permute(0, 3, 1, 2)
    noisy = clean + 0.1 * torch.randn(clean.shape, generator=torch.Generator().manual_seed(0))
    error = (denoiser(noisy, Level(sigma=0.1)) - clean).square().mean()
    assert error < 0.5 * (noisy - clean).square().mean()


def test_a_perfect_network_has_no_loss() -> None:
    """Target and adapter agree on what each prediction means."""
    clean, noise = torch.rand(3, 3, 4, 4) * 2 - 1, torch.randn(3, 3, 4, 4)
    alphas_cumprod = torch.from_numpy(NoiseSchedule().alphas_cumprod)
    times = torch.tensor([5, 400, 900])
    alpha_bar = alphas_cumprod[times].float().reshape(-1, 1, 1, 1)
    signal, spread = alpha_bar.sqrt(), (1 - alpha_bar).sqrt()
    for prediction in CHAIN_PREDICTIONS:
        said = expected_output(prediction, clean, noise, signal, spread)

        class Oracle(torch.nn.Module):
            def __init__(self, said: torch.Tensor) -> None:
                super().__init__()
                self.alphas_cumprod, self.said = alphas_cumprod, said

            def forward(self, x: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
                assert torch.equal(t, times)
                return self.said

        spec = Spec("oracle", "test", prediction=prediction, conditioning="timestep")
        picture = ((signal * clean + spread * noise) / signal + 1) / 2
        estimate = predict_clean(Oracle(said), spec, picture, Level(sigma=(spread / signal / 2).flatten()))
        assert torch.allclose(estimate, (clean + 1) / 2, atol=2e-4)


def test_timesteps_and_quarters() -> None:
    schedule = NoiseSchedule()
    alphas_cumprod = torch.from_numpy(schedule.alphas_cumprod)
    drawn = timesteps(alphas_cumprod, 20000, 0.5, 75 / 255, torch.Generator().manual_seed(0))
    low = int((drawn <= schedule.match(75 / 255)).sum())
    expected = 0.5 + 0.5 * (schedule.match(75 / 255) + 1) / 1000
    assert low / 20000 == pytest.approx(expected, abs=0.01)
    assert drawn.min() == 0 and drawn.max() == 999
    whole = torch.arange(2 * 3 * 4 * 6).reshape(2, 3, 4, 6)
    cut = quarters(whole)
    assert cut.shape == (8, 3, 2, 3) and sorted(cut.flatten().tolist()) == list(range(144))
    assert torch.equal(cut[6], whole[1, :, 2:, :3])
    assert torch.equal(torch.cat([quarters(whole[:1]), quarters(whole[1:])]), cut), "a picture's quarters stay together"
    assert quarters(torch.zeros(1, 3, 7, 5)).shape == (4, 3, 3, 2)


COLOURS = {"neutral": (0.5, 0.5, 0.5), "warm": (0.6, 0.4, 0.2), "green": (0.3, 0.6, 0.2), "blue": (0.2, 0.4, 0.7)}


@pytest.mark.parametrize("number", range(8))
def test_labels_mean_their_names(number: int) -> None:
    texture, hue = LABELS[number].split()
    picture = torch.tensor(COLOURS[hue]).reshape(1, 3, 1, 1).expand(1, 3, 64, 64).clone()
    strength = 0.1 if texture == "textured" else 0.01
    gray_noise = torch.randn(1, 1, 64, 64, generator=torch.Generator().manual_seed(0))
    picture += strength * gray_noise
    assert label(picture).tolist() == [number]
    assert label(picture.flip(-1).rot90(1, (2, 3))).tolist() == [number]
