"""The shipped workflows of the opened-up loop, run without ComfyUI and measured."""

import pytest
from test_workflows import decibels

NOISY = 20.2
"""PSNR in dB of a picture with noise of sigma 25."""


def test_step_by_step_is_the_whole_loop(shown):
    said = shown("scheduler_step_by_step")
    assert "identical" in said["PSNR Meter: by hand, in one node"].lower()


def test_denoising_loop_walks_to_the_end_and_denoises(shown):
    said = shown("denoising_loop", "Interpolation Scheduler.steps=3")
    assert said["Loop Close"].startswith("step 3 of 3")
    assert decibels(said)[""] > 31


@pytest.mark.slow
def test_every_pair_of_scheduler_and_network_gains(shown):
    few = (
        "DDPM Scheduler.steps=5",
        "Interpolation Scheduler.steps=2",
        "EDM Scheduler.levels=3",
        "Langevin Scheduler.levels=3",
    )
    reached = decibels(shown("any_denoiser_any_scheduler", *few))
    network = [value for title, value in reached.items() if "network" in title]
    classical = [value for title, value in reached.items() if "non-local means" in title]
    assert len(network) == len(classical) == 4
    assert min(network) > NOISY + 6
    assert max(classical) > NOISY + 6


@pytest.mark.slow
def test_the_score_denoises_better_than_heat(shown):
    reached = decibels(shown("heat_and_score"))
    assert reached["score"] > reached["heat"] > NOISY + 3


def test_pictures_are_made_from_noise_by_three_schedulers(shown, tmp_path):
    few = ("DDPM Scheduler.steps=2", "DDIM Scheduler.steps=2", "EDM Scheduler.levels=2")
    said = shown("generate_with_ddpm", *few)
    assert sum("step 2 of 2" in text or "step 3 of 3" in text for text in said.values()) >= 1
    assert len(list(tmp_path.rglob("generated_*.png"))) == 3 * 4


def test_guidance_runs_with_and_without_a_label(shown, tmp_path):
    said = shown("guidance", "DDIM Scheduler.steps=2")
    assert "textured blue" in said["Condition: wanted"]
    assert {path.name.split("_")[1] for path in tmp_path.rglob("guidance_*.png")} == {"none", "label", "guided"}


@pytest.mark.slow
def test_holes_are_filled_close_to_the_truth(shown):
    reached = decibels(shown("inpaint_with_prior", "DDPM Scheduler.steps=6", "Known Pixels.repeats=3"))
    assert reached[""] > 38
