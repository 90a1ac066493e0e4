"""Draws of the denoising VAE, the spread of answers, and the bound it is trained with."""

import math
from dataclasses import replace

import pytest
import torch
from realdenoise.imaging.level import DenoiseError, Level
from realdenoise.imaging.spread import spread_of
from realdenoise.imaging.tiling import Joined, plan
from realdenoise.models.contract import Spec
from realdenoise.models.network_denoiser import NetworkDenoiser
from realdenoise.models.networks.autoencoder import DenoisingAutoencoder
from realdenoise.models.networks.dncnn import DnCNN
from realdenoise.models.networks.vae import DenoisingVAE, Gaussian, from_autoencoder, kl_divergence
from realdenoise.models.placement import PlainPlacement
from realdenoise.models.registry import Weights, find
from realdenoise.models.uncertainty import can_draw, draws
from realdenoise.models.weight_file import write_weights
from realdenoise.models.wrappers.luma import LumaOnly
from realdenoise.nodes.uncertainty import UncertaintyMap
from realdenoise.training.network import make_student
from realdenoise.training.objectives import Student
from realdenoise.training.objectives.elbo import elbo, negative_log_likelihood
from realdenoise.training.recipe import RecipeError, load_recipe
from realdenoise.training.samples import Batch

CPU = torch.device("cpu")


def wrap(network, tile=0):
    weights = Weights(network.state_dict())
    return NetworkDenoiser(network.eval(), find(weights).spec(weights), PlainPlacement(network, CPU), "fp32", tile)


def vae(channels=3, tile=0):
    torch.manual_seed(0)
    return wrap(DenoisingVAE(channels, 8, 32, 1), tile)


def answers(denoiser, picture, count=3, **settings):
    return torch.stack(list(draws(denoiser, picture, count, seed=5, **settings)))


def test_draws_differ_and_spread_around_the_likeliest():
    denoiser, picture = vae(), torch.rand(1, 3, 32, 32)
    drawn = answers(denoiser, picture, 40)
    assert drawn.std(dim=0).min() > 1e-5
    assert (drawn.mean(dim=0) - denoiser(picture)).abs().mean() < 0.5 * drawn.std(dim=0).mean()


def test_draws_depend_on_seed_draw_and_frame_alone():
    denoiser, pictures = vae(), torch.rand(3, 3, 21, 30)
    whole = answers(denoiser, pictures)
    alone = answers(denoiser, pictures[2:], first_frame=2)
    assert torch.allclose(whole[:, 2:], alone, atol=1e-6)
    assert torch.equal(whole, answers(denoiser, pictures))
    other = next(iter(draws(denoiser, pictures, 1, seed=6)))
    assert (other - whole[0]).abs().max() > 1e-3


def test_tiles_share_the_random_numbers():
    picture = torch.rand(1, 3, 150, 201)
    whole, tiled = (answers(vae(tile=tile), picture, 2) for tile in (1024, 64))
    assert (whole - tiled).abs().max() < 1e-5


@pytest.mark.parametrize(("network_planes", "planes"), [(1, 3), (3, 1), (1, 1)])
def test_gray_and_colour(network_planes, planes):
    picture = torch.rand(2, planes, 16, 20)
    assert answers(vae(network_planes), picture, 2).shape == (2, *picture.shape)


def test_only_a_vae_draws():
    plain = wrap(DnCNN(3, 3, 4))
    assert can_draw(vae()) and not can_draw(plain)
    with pytest.raises(DenoiseError, match="only a denoising VAE"):
        next(draws(plain, torch.rand(1, 3, 8, 8), 2, 0))
    with pytest.raises(DenoiseError, match="at least 1"):
        next(draws(vae(), torch.rand(1, 3, 8, 8), 0, 0))


def test_statistics_are_mean_and_deviation():
    pictures = 1e3 + torch.rand(7, 1, 2, 3, 4)
    found = spread_of(iter(pictures))
    assert torch.allclose(found.mean, pictures.mean(dim=0), atol=1e-4)
    assert torch.allclose(found.deviation, pictures.double().std(dim=0).float(), atol=1e-5)
    with pytest.raises(ValueError, match="no picture"):
        spread_of([])


def test_kl_divergence_equals_torchs():
    posterior = Gaussian(torch.randn(2, 4, 3, 3), torch.randn(2, 4, 3, 3))
    normal = torch.distributions.Normal(posterior.mean, (0.5 * posterior.log_variance).exp())
    expected = torch.distributions.kl_divergence(normal, torch.distributions.Normal(0, 1))
    assert torch.allclose(kl_divergence(posterior), expected, atol=1e-5)
    assert (kl_divergence(vae().network.encode(torch.rand(1, 3, 8, 8))) >= 0).all()


def test_likelihood_equals_torchs():
    decoded, clean = Gaussian(torch.rand(2, 3, 4, 4), torch.randn(2, 3, 4, 4)), torch.rand(2, 3, 4, 4)
    expected = -torch.distributions.Normal(decoded.mean, (0.5 * decoded.log_variance).exp()).log_prob(clean).mean()
    assert torch.allclose(negative_log_likelihood(decoded, clean), expected, atol=1e-5)


def test_with_full_variance_share_the_mean_learns_as_by_squares():
    """β-NLL with β = 1: the gradient of the mean is that of the squared error, whatever the variances say."""
    mean, clean = torch.rand(1, 1, 4, 4, requires_grad=True), torch.rand(1, 1, 4, 4)
    log_variance = torch.linspace(-6, 1, 16).view(1, 1, 4, 4)
    loss = negative_log_likelihood(Gaussian(mean, log_variance), clean, 1.0)
    (gradient,) = torch.autograd.grad(loss, mean)
    assert torch.allclose(gradient, (mean - clean).detach() / mean.numel() / log_variance.exp().mean(), atol=1e-7)


def test_the_bound_trains_the_code_and_does_not_collapse():
    """Lightly noisy blocks of 4×4 pixels, of deviation 0.15: the code must carry them, though ignoring it is easy."""
    torch.manual_seed(0)
    network = DenoisingVAE(1, 8, 16, 1)
    student = Student(network, wrap(network).spec)
    network.train()
    optimiser, generator = torch.optim.Adam(network.parameters(), 3e-3), torch.Generator().manual_seed(0)
    for _ in range(500):
        codes = torch.randn(4, 1, 4, 4, generator=generator)
        clean = 0.5 + 0.15 * codes.repeat_interleave(4, 2).repeat_interleave(4, 3)
        noisy = clean + 0.01 * torch.randn(clean.shape, generator=generator)
        loss = elbo(student, Batch(noisy, clean, noisy, torch.full((4,), float("nan"))), generator)
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 0.5)
        optimiser.step()
    network.eval()
    assert kl_divergence(network.encode(noisy)).mean() > 0.05
    assert (wrap(network)(noisy) - clean).square().mean().sqrt() < 0.12


@pytest.mark.parametrize("channels", [1, 3])
def test_a_vae_made_from_an_autoencoder_gives_its_picture_and_is_sure_of_it(channels):
    torch.manual_seed(0)
    trained = DenoisingAutoencoder(channels, 8, 16, 2).eval()
    network, picture = from_autoencoder(trained).eval(), torch.rand(2, channels, 21, 30)
    with torch.no_grad():
        assert torch.allclose(network(picture), trained(picture), atol=1e-6)
        posterior = network.encode(picture[..., :20, :28])
        assert torch.allclose(posterior.log_variance, torch.tensor(-6.0))
        assert torch.allclose(network.decode(posterior.mean).log_variance, torch.tensor(-5.0))


def test_a_recipe_may_start_from_a_related_network(tmp_path):
    torch.manual_seed(0)
    trained = DenoisingAutoencoder(3, 8, 16, 1)
    write_weights(tmp_path / "net.safetensors", trained.state_dict(), {})
    plan = replace(load_recipe("vae"), init=str(tmp_path / "net.safetensors"))
    student, picture = make_student(plan), torch.rand(1, 3, 16, 16)
    assert student.spec.architecture == "DenoisingVAE" and student.spec.name == "vae"
    with torch.no_grad():
        assert torch.allclose(student.network(picture), trained(picture), atol=1e-6)
    with pytest.raises(RecipeError, match="DenoisingAutoencoder, not of RIDNet"):
        make_student(replace(load_recipe("ridnet"), init=plan.init))


def test_the_bound_needs_an_encoder_and_a_decoder():
    network = DnCNN(1, 3, 4)
    picture = torch.rand(1, 1, 8, 8)
    batch = Batch(picture, picture, picture, torch.zeros(1))
    with pytest.raises(DenoiseError, match="trains a DenoisingVAE, not a DnCNN"):
        elbo(Student(network, wrap(network).spec), batch, torch.Generator())


def test_the_node_shows_draws_of_a_vae_and_flips_of_others():
    image = torch.rand(1, 20, 24, 4)
    mean, uncertainty, report = UncertaintyMap().ask(vae(), image, 0, 4, 10, 1, 0)["result"]
    assert mean.shape == image.shape and uncertainty.shape == (1, 20, 24, 3)
    assert "4 draws" in report and uncertainty.max() > 0
    *_, report = UncertaintyMap().ask(wrap(DnCNN(3, 3, 4)), image, 0, 4, 10, 1, 0)["result"]
    assert "8 flips and turns" in report


@pytest.mark.parametrize(("value", "expected"), [(1.0, 1.0), (40.0, 40.5)])
def test_the_mean_keeps_a_high_dynamic_range(value, expected):
    """Pictures within [0,1] stay there, others are not cut off."""

    class Brighter:
        spec = Spec("brighter", "Brighter")

        def __call__(self, image, level=None, monitor=None):
            return image + 0.5

    mean = UncertaintyMap().ask(Brighter(), torch.full((1, 16, 16, 3), value), 0, 4, 10, 1, 0)["result"][0]
    assert float(mean.min()) == float(mean.max()) == expected


def test_luma_only_changes_all_channels_by_the_change_of_brightness():
    torch.manual_seed(0)
    gray = wrap(DnCNN(1, 3, 4))
    picture = torch.rand(2, 3, 12, 14)
    result = LumaOnly(gray)(picture)
    luma = (picture * torch.tensor([0.299, 0.587, 0.114]).view(1, 3, 1, 1)).sum(1, keepdim=True)
    assert torch.allclose(result - picture, (gray(luma) - luma).expand_as(picture), atol=1e-5)
    assert torch.equal(LumaOnly(gray)(picture[:, :1]), gray(picture[:, :1]))


def test_luma_only_tells_the_noise_of_the_luma():
    told = []

    class Listens:
        spec = wrap(DnCNN(1, 3, 4)).spec

        def __call__(self, image, level=None, monitor=None):
            told.append(level.sigma)
            return image

    noise = 0.1 * torch.randn(1, 3, 200, 200, generator=torch.manual_seed(0))
    LumaOnly(Listens())(noise, Level(0.1))
    luma = (noise * torch.tensor([0.299, 0.587, 0.114]).view(1, 3, 1, 1)).sum(1)
    assert float(told[0]) == pytest.approx(float(luma.std()), rel=0.02)
    assert float(told[0]) == pytest.approx(0.1 * math.sqrt(0.299**2 + 0.587**2 + 0.114**2), rel=1e-5)


@pytest.mark.parametrize("halo", [0, 3, 16])
def test_feathered_tiles_of_one_picture_give_it_back(halo):
    picture = torch.rand(1, 3, 90, 130)
    result = torch.empty_like(picture)
    joined = Joined(result, feathered=True)
    for tile in plan(90, 130, 32, halo):
        joined.add(picture[..., tile.rows.outer, tile.columns.outer], tile)
    joined.finish()
    assert torch.allclose(result, picture, atol=1e-6)


def test_feathered_tiles_that_disagree_leave_no_edge():
    picture = torch.zeros(1, 1, 8, 128)
    joined = Joined(picture, feathered=True)
    for number, tile in enumerate(plan(8, 128, 64, 16)):
        joined.add(torch.full((1, 1, *tile.window), float(number)), tile)
    joined.finish()
    result = picture[0, 0, 0]
    assert result[:48].eq(0).all() and result[80:].eq(1).all()
    assert result.diff().abs().max() < 0.04
