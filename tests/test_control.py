"""Strength, luma and chroma, detail recovery, protection."""

import pytest
import torch
from realdenoise.imaging.control import blend_luma_chroma, luma_of, protect, recover_detail, wavelet_bands


def pair() -> tuple[torch.Tensor, torch.Tensor]:
    random = torch.manual_seed(0)
    clean = torch.rand(2, 3, 21, 34, generator=random)
    return clean + 0.1 * torch.randn(clean.shape, generator=random), clean


def test_luma_alone_leaves_the_colour_differences():
    noisy, clean = pair()
    result = blend_luma_chroma(noisy, clean, 1.0, 0.0)
    assert torch.allclose(luma_of(result), luma_of(clean), atol=1e-6)
    assert torch.allclose(result[:, 0] - result[:, 2], noisy[:, 0] - noisy[:, 2], atol=1e-6)


def test_chroma_alone_leaves_the_brightness():
    noisy, clean = pair()
    result = blend_luma_chroma(noisy, clean, 0.0, 1.0)
    assert torch.allclose(luma_of(result), luma_of(noisy), atol=1e-6)
    assert torch.allclose(result[:, 0] - result[:, 2], clean[:, 0] - clean[:, 2], atol=1e-6)


def test_both_full_is_the_clean_picture():
    noisy, clean = pair()
    assert torch.allclose(blend_luma_chroma(noisy, clean, 1.0, 1.0), clean, atol=1e-6)


def test_bands_sum_to_the_picture_and_the_finest_holds_most_white_noise():
    noise = torch.randn(1, 1, 64, 64, generator=torch.manual_seed(0))
    bands = wavelet_bands(noise, 3)
    assert torch.allclose(sum(bands), noise, atol=1e-5)
    deviations = [float(band.std()) for band in bands]
    assert deviations[0] == pytest.approx(0.89, abs=0.03)  # the transform's known response to unit noise
    assert deviations[1] == pytest.approx(0.20, abs=0.02)


def test_detail_of_one_band_only():
    noisy, clean = pair()
    bands = wavelet_bands(noisy - clean, 2)
    assert torch.allclose(recover_detail(noisy, clean, (0.0, 0.5)), clean + 0.5 * bands[1], atol=1e-6)
    assert torch.equal(recover_detail(noisy, clean, (0.0, 0.0)), clean)


def test_protected_parts_stay():
    noisy, clean = pair()
    mask = torch.zeros(1, 1, 21, 34)
    mask[..., :10] = 1
    result = protect(noisy, clean, mask)
    assert torch.allclose(result[..., :10], noisy[..., :10], atol=1e-6)
    assert torch.equal(result[..., 10:], clean[..., 10:])


@pytest.mark.parametrize("call", [lambda a, b: blend_luma_chroma(a, b, 2, 0), lambda a, b: recover_detail(a, b, (-1,))])
def test_amounts_out_of_range(call):
    with pytest.raises(ValueError, match="between 0 and 1"):
        call(*pair())
