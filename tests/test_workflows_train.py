"""The training workflow reaches its point: better on a picture that was not learnt from."""

import pytest
from realdenoise.headless.run import run_workflow
from test_workflows import FOLDER


@pytest.mark.slow
def test_train_your_own_helps_on_another_picture(tmp_path, monkeypatch):
    """Less than what is set in the file, counted in steps so that every machine does the same."""
    monkeypatch.setenv("REALDENOISE_MODELS", str(tmp_path / "models"))
    said = {}
    run_workflow(
        FOLDER / "train_your_own.json",
        output=tmp_path,
        on_node=lambda title, ui: said.__setitem__(title.split("'")[1], "\n".join(ui.get("text", []))),
        settings=[
            "Load Denoiser.precision=fp32",
            "Train Denoiser.minutes=0",
            "Train Denoiser.steps=30",
            "Train Denoiser.crop=48",
        ],
    )
    before, after = (float(said[f"PSNR Meter: {name}"].split(" dB")[0]) for name in ("before", "after"))
    assert after > before + 0.3
    assert (tmp_path / "models" / "film_grain_lora.safetensors").stat().st_size < 1_000_000
