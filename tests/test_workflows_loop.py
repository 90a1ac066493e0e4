"""The shipped workflows of the opened-up loop, run without ComfyUI and measured."""

import re
from pathlib import Path

import pytest
from realdenoise.headless.run import run_workflow

FOLDER = Path(__file__).resolve().parents[1] / "workflows"
NOISY = 20.2
"""PSNR in dB of a picture with noise of sigma 25."""


@pytest.fixture
def shown(tmp_path):
    """(workflow, settings) → what each node says, by its title, and the decibels of the meters."""

    def run(name: str, *settings: str) -> tuple[dict[str, str], dict[str, float]]:
        said: dict[str, str] = {}
        run_workflow(
            FOLDER / f"{name}.json",
            output=tmp_path,
            settings=settings,
            on_node=lambda title, ui: said.__setitem__(title.split("'")[1], "\n".join(ui.get("text", []))),
        )
        meters = {title: re.match(r"[\d.]+(?= dB)", text) for title, text in said.items()}
        return said, {title: float(found[0]) for title, found in meters.items() if found}

    return run


def test_step_by_step_is_the_whole_loop(shown):
    said, _ = shown("scheduler_step_by_step")
    assert "identical" in said["PSNR Meter: by hand, in one node"].lower()


def test_denoising_loop_walks_to_the_end_and_denoises(shown):
    said, decibels = shown("denoising_loop", "Interpolation Scheduler.steps=3")
    assert said["Loop Close"].startswith("step 3 of 3")
    assert decibels["PSNR Meter"] > 31


@pytest.mark.slow
def test_every_pair_of_scheduler_and_network_gains(shown):
    few = (
        "DDPM Scheduler.steps=5",
        "Interpolation Scheduler.steps=2",
        "EDM Scheduler.levels=3",
        "Langevin Scheduler.levels=3",
    )
    _, decibels = shown("any_denoiser_any_scheduler", *few)
    network = [value for title, value in decibels.items() if "network" in title]
    classical = [value for title, value in decibels.items() if "non-local means" in title]
    assert len(network) == len(classical) == 4
    assert min(network) > NOISY + 6
    assert max(classical) > NOISY + 6


@pytest.mark.slow
def test_the_score_denoises_better_than_heat(shown):
    _, decibels = shown("heat_and_score")
    assert decibels["PSNR Meter: score"] > decibels["PSNR Meter: heat"] > NOISY + 3


def test_pictures_are_made_from_noise_by_three_schedulers(shown, tmp_path):
    few = ("DDPM Scheduler.steps=2", "DDIM Scheduler.steps=2", "EDM Scheduler.levels=2")
    said, _ = shown("generate_with_ddpm", *few)
    assert sum("step 2 of 2" in text or "step 3 of 3" in text for text in said.values()) >= 1
    assert len(list(tmp_path.rglob("generated_*.png"))) == 3 * 4


def test_guidance_runs_with_and_without_a_label(shown, tmp_path):
    said, _ = shown("guidance", "DDIM Scheduler.steps=2")
    assert "textured blue" in said["Condition: wanted"]
    assert {path.name.split("_")[1] for path in tmp_path.rglob("guidance_*.png")} == {"none", "label", "guided"}


@pytest.mark.slow
def test_holes_are_filled_close_to_the_truth(shown):
    _, decibels = shown("inpaint_with_prior", "DDPM Scheduler.steps=6", "Known Pixels.repeats=3")
    assert decibels["PSNR Meter"] > 38
