"""The shipped workflows of the laboratory, run without ComfyUI: what their nodes say, and that it is true."""

import pytest
from PIL import Image


def test_compare_denoisers_ranks_the_network_first(shown, tmp_path):
    words = shown("compare_denoisers", "Benchmark Denoisers.noise=gaussian: 25", "Load Denoiser.precision=fp32")
    ranked = [line.split(": ") for line in words["Benchmark Denoisers"].splitlines()]
    assert [name.split(". ")[1] for name, _ in ranked] == ["interpolation_unet", "nlm", "tv"]
    gains = [float(gain.removesuffix(" dB")) for _, gain in ranked]
    assert gains[0] > 11 and gains == sorted(gains, reverse=True)
    crops = dict(line.rsplit(" · ", 1) for line in words["Compare Crops"].splitlines()[1:])
    assert float(crops["U-Net"].split()[0]) > 32 and float(crops["noisy"].split()[0]) == pytest.approx(20.17, abs=0.05)
    (saved,) = tmp_path.rglob("crops*.png")
    with Image.open(saved) as picture:
        assert picture.width > 5 * 2 * 160  # reference, noisy and three results, every pixel doubled


def test_inspect_residual_tells_a_network_from_a_blur(shown):
    words = shown(
        "inspect_residual", "Load Denoiser.precision=fp32", "Seam Inspector.crop=256", "Seam Inspector.tile=128"
    )
    leaks = {
        name: float(words[f"Residual Inspector: {name}"].split("structure leak ")[1].split(" %")[0])
        for name in ("network", "heat diffusion")
    }
    assert leaks["network"] < 1 and leaks["heat diffusion"] > 12
    assert "only noise" in words["Residual Inspector: network"]
    assert "4 tiles of 128 px" in words["Seam Inspector"] and "possible" not in words["Seam Inspector"]


@pytest.mark.slow
def test_noise_level_sweep_charts_seven_levels(shown, tmp_path):
    words = shown("noise_level_sweep")
    network = next(text for title, text in words.items() if text.startswith("interpolation_unet · 4 pictures"))
    gains = [float(line.split("(")[1].split(")")[0]) for line in network.splitlines()[1:]]
    assert len(gains) == 7 and gains == sorted(gains) and gains[0] > 5
    (saved,) = tmp_path.rglob("sweep*.png")
    with Image.open(saved) as picture:
        assert picture.size == (2 * 960, 540)
