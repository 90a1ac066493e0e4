"""The training workflow reaches its point: better on a picture that was not learnt from."""

import pytest
from test_workflows import decibels


@pytest.mark.slow
def test_train_your_own_helps_on_another_picture(shown, tmp_path):
    """Less than what is set in the file, counted in steps so that every machine does the same."""
    few = [f"Train Denoiser.{setting}" for setting in ("minutes=0", "steps=30", "crop=48")]
    reached = decibels(shown("train_your_own", "Load Denoiser.precision=fp32", *few))
    assert reached["after"] > reached["before"] + 0.3
    assert (tmp_path / "models" / "film_grain_lora.safetensors").stat().st_size < 1_000_000
