"""What a minute of training gives, and that a long run survives a kill anywhere: minutes, so not in the quick suite."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from realdenoise.imaging.metrics import psnr
from realdenoise.models.loader import load_denoiser
from realdenoise.monitor import Monitor
from realdenoise.training.checkpoint import load_checkpoint
from realdenoise.training.recipe import load_recipe
from realdenoise.training.run import shortened, train_from_folders

pytestmark = pytest.mark.slow


def test_a_minute_of_dncnn(shared, cbsd68, tmp_path):
    plan = replace(shortened(load_recipe("dncnn_color_blind"), 1.0), teacher="")
    _, weights = train_from_folders(plan, tmp_path, root=shared / "data")
    denoiser = load_denoiser(weights, device="cpu")
    values = [
        float(psnr(clean, denoiser(noisy.permute(0, 3, 1, 2)).permute(0, 2, 3, 1).clamp(0, 1)))
        for clean, noisy in cbsd68(68, 25)[::8]
    ]
    assert np.mean(values) > 24


class KilledError(Exception):
    """Stands for a kill at any moment."""


def test_two_hundred_steps_of_the_flagship_survive_a_kill(shared, tmp_path):
    plan = load_recipe("interpolation_unet")
    plan = replace(
        plan,
        data=replace(plan.data, clean=("train/bsd400",), pairs=("train/polyu",), crop=48, batch=2),
        schedule=replace(plan.schedule, steps=200, minutes=0),
        validation=replace(plan.validation, every=70, pictures=1, crop=64),
    )
    root, at = shared / "data", int(np.random.default_rng().integers(5, 195))

    def kill(fraction: float, preview: object) -> None:
        if fraction * 200 >= at:
            raise KilledError

    train_from_folders(plan, tmp_path / "whole", root=root, precision="fp32")
    with pytest.raises(KilledError):
        train_from_folders(plan, tmp_path / "killed", root=root, precision="fp32", monitor=Monitor(kill))
    train_from_folders(plan, tmp_path / "killed", root=root, precision="fp32", resume=True)
    one, other = load_checkpoint(tmp_path / "whole"), load_checkpoint(tmp_path / "killed")
    assert one is not None and other is not None
    for part in ("network", "average", "best"):
        assert all(torch.equal(one[part][key], other[part][key]) for key in one[part]), f"killed at {at}"
    for key, state in one["optimiser"]["state"].items():
        assert all(torch.equal(value, other["optimiser"]["state"][key][name]) for name, value in state.items())
