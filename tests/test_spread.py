"""Whether the spread of answers foretells their error: the measure itself, and what the bundled VAE reaches."""

import numpy as np
import pytest
import torch
from realdenoise.imaging.spread import Spread, spread_of
from realdenoise.measurement.uncertainty import block_rms, gradient_magnitude, rank_correlation, score_spread
from realdenoise.models.loader import bundled, load_denoiser
from realdenoise.models.networks.padding import pad_to_multiple
from realdenoise.models.networks.vae import FACTOR, kl_divergence
from realdenoise.models.uncertainty import draws


def test_rank_correlation_equals_scipy():
    stats = pytest.importorskip("scipy.stats")
    first = torch.randn(200, generator=torch.manual_seed(0)).double()
    second = (first + torch.randn(200, generator=torch.manual_seed(1))).round()  # with ties
    expected = stats.spearmanr(first.numpy(), second.numpy()).statistic
    assert rank_correlation(first, second) == pytest.approx(expected, abs=1e-9)
    assert rank_correlation(first, first.exp()) == pytest.approx(1)
    assert rank_correlation(first, -(first**3)) == pytest.approx(-1)


def test_rank_correlation_refuses_what_has_no_ranks():
    with pytest.raises(ValueError, match="one length"):
        rank_correlation(torch.ones(3), torch.ones(4))
    with pytest.raises(ValueError, match="one length"):
        rank_correlation(torch.ones(1), torch.ones(1))


def test_block_rms_and_gradient():
    planes = torch.zeros(1, 3, 17, 16)
    planes[:, 0, :8, 8:] = 0.3
    assert block_rms(planes).tolist() == pytest.approx([0, 0.3 / 3**0.5, 0, 0], abs=1e-7)
    ramp = (0.03 * torch.arange(20.0) + 0.04 * torch.arange(20.0)[:, None]).expand(1, 1, 20, 20)
    assert torch.allclose(gradient_magnitude(ramp)[..., 1:-1, 1:-1], torch.tensor(0.05), atol=1e-6)


def test_a_spread_that_knows_the_error_scores_one_and_a_blind_one_zero():
    random = torch.manual_seed(0)
    clean = 0.4 + 0.2 * torch.rand(1, 3, 128, 128, generator=random)
    strength = torch.rand(1, 1, 16, 16, generator=random).repeat_interleave(8, 2).repeat_interleave(8, 3) / 10
    error = strength * torch.randn(clean.shape, generator=random)
    knows = score_spread(clean, Spread(clean + error, strength.expand_as(clean)))
    blind = score_spread(clean, Spread(clean + error, torch.rand(clean.shape, generator=random)))
    assert knows.spread > 0.97 and abs(blind.spread) < 0.15
    assert knows.psnr == pytest.approx(float(-10 * torch.log10(error.square().mean())), abs=0.05)
    with pytest.raises(ValueError, match="16x16"):
        score_spread(clean[..., :15], Spread(clean[..., :15], clean[..., :15]))


@pytest.mark.slow
@pytest.mark.skipif("vae" not in bundled(), reason="no VAE weights in this checkout")
def test_the_bundled_vae_knows_where_it_guesses(cbsd68):
    """Sixteen draws of each CBSD68 picture at sigma 25."""
    denoiser = load_denoiser("vae", device="cpu", precision="fp32")
    scores = []
    for clean, noisy in cbsd68(68, 25):
        planes = noisy.permute(0, 3, 1, 2).contiguous()
        kept = list(draws(denoiser, planes, 16, seed=0))
        assert (kept[0] - kept[1]).abs().mean() > 1e-4
        with torch.no_grad():
            assert kl_divergence(denoiser.network.encode(pad_to_multiple(planes, FACTOR))).mean() > 0
        scores.append(score_spread(clean.permute(0, 3, 1, 2), spread_of(kept)))
    assert np.mean([score.psnr for score in scores]) >= 26.5
    spread, gradient = (np.mean([getattr(score, name) for score in scores]) for name in ("spread", "gradient"))
    assert spread > 0.3 and spread > gradient
