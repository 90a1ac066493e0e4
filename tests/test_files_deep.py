"""Pictures of more than 8 bits: the same brightness in every format, and all that the file says beside its pixels."""

from dataclasses import replace

import pytest
import torch
from realdenoise.imaging.files import load_picture, save_picture

pytest.importorskip("av")


@pytest.mark.parametrize("name", ["a.png", "a.tif", "a.jpg", "a.webp"])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_a_bright_exr_has_the_same_mean_at_8_and_16_bits(tmp_path, name, channels):
    """Values 0 to 2, evenly: cut off at 1 their mean is 3/4, divided by the maximum it would be 1/2."""
    if channels == 4 and name == "a.jpg":
        pytest.skip("a JPEG holds no transparency")
    image = torch.linspace(0, 2, 64 * 64).reshape(64, 64, 1).repeat(1, 1, channels)
    image[..., 3:] = 0.5
    save_picture(image, tmp_path / "in.exr")
    scaled, info = load_picture(tmp_path / "in.exr")
    assert info.scale == 2
    save_picture(scaled[0], tmp_path / "deep.png", info)
    save_picture(scaled[0], tmp_path / name, replace(info, bits=8))
    deep, kept = load_picture(tmp_path / "deep.png")
    shallow, _ = load_picture(tmp_path / name)
    assert kept.bits == 16
    assert float(deep[..., :3].mean()) == pytest.approx(0.75, abs=1e-3)
    assert float(shallow[..., :3].mean()) == pytest.approx(float(deep[..., :3].mean()), abs=1 / 255)
    if channels == 4:
        assert float(shallow[..., 3].mean()) == pytest.approx(0.5, abs=1 / 255)
