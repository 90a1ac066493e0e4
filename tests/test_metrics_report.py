"""Reports of a meter: protocols and luma, means and worst, CSV, verdicts, and the optional LPIPS."""

import csv
import io
import math
from types import SimpleNamespace

import pytest
import torch
from realdenoise.imaging.level import DenoiseError
from realdenoise.imaging.metrics_report import Protocol, luma, measure


def test_protocols():
    image = torch.rand(2, 30, 31, 3, generator=torch.Generator().manual_seed(0)) * 1.2
    assert Protocol(border=4)(image).shape == (2, 22, 23, 3)
    assert Protocol(luma=True, border=4, eight_bit=True).name == "Y of BT.601, border 4 px, 8 bit"
    rounded = Protocol(eight_bit=True)(image)
    assert torch.equal((rounded * 255).round(), rounded * 255) and rounded.max() == 1
    with pytest.raises(DenoiseError, match="border 15"):
        Protocol(border=15)(image)


def test_luma_equals_scikit_image():
    colour = pytest.importorskip("skimage.color")
    image = torch.rand(1, 9, 8, 3, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    expected = colour.rgb2ycbcr(image[0].numpy())[..., 0] / 255
    assert torch.allclose(luma(image)[0, ..., 0], torch.from_numpy(expected), atol=1e-9)


def test_a_report_has_means_worst_gain_and_csv():
    clean = torch.full((2, 16, 16, 3), 0.5)
    image = clean + torch.tensor([0.1, 0.01]).view(2, 1, 1, 1)
    report = measure(clean, image, clean + 0.2)
    assert report.psnr == pytest.approx((20, 40), abs=1e-4) and report.worst() == 0
    assert report.mean("gain") == pytest.approx(10 * math.log10(4) + 10, abs=1e-3)
    assert report.measured() == ["psnr", "ssim", "mae", "gain"]  # too small for MS-SSIM
    assert "better than the noisy input" in report.verdict()
    table = list(csv.DictReader(io.StringIO(report.csv(["a", "b"]))))
    assert table[1]["image"] == "b"
    assert float(table[1]["MAE_255"]) == pytest.approx(2.55, rel=1e-4) and table[1]["measured_on"] == "RGB"


def test_a_report_of_identical_and_of_worse_pictures():
    clean = torch.rand(1, 16, 16, 3, generator=torch.Generator().manual_seed(0))
    assert measure(clean, clean, clean).verdict() == "Identical to the reference."
    assert measure(clean, clean, clean).gain == (0,)
    assert "worse than the noisy input" in measure(clean, clean + 0.2, clean + 0.1).verdict()


def test_a_noisy_input_without_noise_has_no_gain_to_speak_of():
    reference = torch.rand(2, 32, 32, 3, generator=torch.Generator().manual_seed(0))
    worse = (reference + 0.1).clamp(0, 1)
    noisy = torch.stack([reference[0], reference[1] + 0.2])
    assert "noisy input was identical" in measure(reference[:1], worse[:1], noisy=noisy[:1]).verdict()
    report = measure(reference, worse, noisy=noisy)
    assert report.gain[0] == -float("inf") and "gain without the identical ones" in report.lines()[0]


def test_what_was_measured_is_named_everywhere():
    """20 dB of luma without a border are not 20 dB of RGB: a number without its protocol cannot be compared."""
    clean = torch.rand(1, 30, 32, 3, generator=torch.Generator().manual_seed(0))
    protocol = Protocol(border=4, luma=True)
    report = measure(clean, clean * 0.9, protocol=protocol)
    for words in (report.verdict(), report.lines()[-1], report.csv()):
        assert "Y of BT.601, border 4 px" in words
    inner, other = (luma(t[:, 4:-4, 4:-4]) for t in (clean, clean * 0.9))
    assert report.psnr[0] == pytest.approx(-10 * math.log10((inner - other).double().square().mean()), abs=1e-9)
    assert "RGB" not in measure(clean, clean * 0.9).verdict()  # the plain case needs no words


def test_lpips_is_optional_and_gets_the_range_it_wants(monkeypatch):
    from realdenoise.imaging import metrics_lpips

    metrics_lpips._network.cache_clear()
    monkeypatch.setitem(__import__("sys").modules, "lpips", None)
    with pytest.raises(ImportError, match="pip install lpips"):
        metrics_lpips.lpips(torch.zeros(1, 40, 40, 3), torch.zeros(1, 40, 40, 3))
    with pytest.raises(ValueError, match="31x31"):
        metrics_lpips.lpips(torch.zeros(1, 30, 40, 3), torch.zeros(1, 30, 40, 3))
    seen = []

    def network(first, second):
        seen.append((first.shape, first.min().item(), second.max().item()))
        return (first - second).abs().mean().view(1, 1, 1, 1)

    monkeypatch.setattr(metrics_lpips, "_network", lambda: network)
    values = metrics_lpips.lpips(torch.zeros(2, 31, 32, 1), torch.ones(2, 31, 32, 1))
    assert values.tolist() == [2, 2] and seen == [((1, 3, 31, 32), -1, 1)] * 2
    assert "lpips" not in measure(torch.zeros(1, 30, 40, 3), torch.ones(1, 30, 40, 3), perceptual=True).measured()


def test_lpips_without_its_weights_is_said(monkeypatch, tmp_path):
    from realdenoise.imaging import metrics_lpips

    metrics_lpips._network.cache_clear()
    monkeypatch.setitem(__import__("sys").modules, "lpips", SimpleNamespace(LPIPS=None))
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    with pytest.raises(DenoiseError, match=r"LPIPS needs AlexNet's weights.*fetch them once"):
        metrics_lpips.lpips(torch.zeros(1, 40, 40, 3), torch.zeros(1, 40, 40, 3))


def test_lpips_equals_its_package():
    """With random weights, as nothing is fetched; the package's own calibration is on top."""
    package = pytest.importorskip("lpips")
    from realdenoise.imaging import metrics_lpips

    network = package.LPIPS(net="alex", pnet_rand=True, verbose=False).eval()
    random = torch.Generator().manual_seed(0)
    clean, noisy = torch.rand(2, 2, 40, 50, 3, generator=random)
    with torch.no_grad():
        expected = network(*(2 * t.permute(0, 3, 1, 2) - 1 for t in (clean, noisy))).flatten().double()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(metrics_lpips, "_network", lambda: network)
        assert torch.allclose(metrics_lpips.lpips(clean, noisy), expected, atol=1e-6)
