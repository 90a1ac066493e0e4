"""The radial power spectrum against signals whose spectrum is known."""

import pytest
import torch
from realdenoise.imaging.spectrum import radial_power


def test_white_noise_is_flat() -> None:
    noise = 0.3 * torch.randn(200, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    power = radial_power(noise)
    window = torch.hann_window(32, periodic=False)
    expected = 0.09 * float(window.square().sum() ** 2)  # Parseval: the variance times the window's energy
    assert power.shape == (17,)
    assert torch.allclose(power[1:], torch.full((16,), expected, dtype=torch.float64), rtol=0.05)


@pytest.mark.parametrize("periods", [3, 9])
def test_a_wave_is_one_peak(periods: int) -> None:
    wave = torch.sin(2 * torch.pi * periods * torch.arange(64) / 64)
    power = radial_power(wave.expand(1, 1, 64, 64))
    turned = radial_power(wave[:, None].expand(1, 1, 64, 64))
    assert int(power.argmax()) == periods
    assert torch.allclose(power, turned)
    assert power[periods + 4] < 1e-3 * power[periods]


def test_power_grows_with_the_square_of_contrast() -> None:
    picture = torch.rand(1, 3, 16, 16)
    assert torch.allclose(radial_power(2 * picture), 4 * radial_power(picture))
    with pytest.raises(ValueError, match="square"):
        radial_power(torch.rand(1, 3, 16, 8))
