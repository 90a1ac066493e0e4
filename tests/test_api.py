"""`realdenoise.denoise`: sizes, types, alpha, strength, and what it refuses."""

import pytest
import realdenoise
import torch
from realdenoise.models.contract import Spec
from realdenoise.monitor import Monitor


class Halves:
    """A denoiser whose clean estimate is half the picture."""

    spec = Spec(name="halves", architecture="Halves")

    def __call__(self, image, level=None, monitor=None):
        return image / 2


@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16])
@pytest.mark.parametrize("size", [(1, 1), (33, 47)])
def test_size_type_and_alpha_survive(channels, dtype, size):
    image = torch.rand(2, *size, channels).to(dtype)
    result = realdenoise.denoise(image, Halves())
    assert result.shape == image.shape and result.dtype == dtype
    assert torch.allclose(result[..., :3].float(), image[..., :3].float() / 2, atol=1e-3)
    assert torch.equal(result[..., 3:], image[..., 3:])


def test_strength_blends():
    image = torch.rand(1, 6, 6, 3)
    assert torch.allclose(realdenoise.denoise(image, Halves(), strength=0.25), image * 0.875)
    assert torch.equal(realdenoise.denoise(image, Halves(), strength=0), image)


def test_a_picture_outside_the_unit_range_is_not_clamped():
    image = torch.full((1, 4, 4, 3), 3.0)
    assert torch.equal(realdenoise.denoise(image, Halves()), image / 2)


def test_on_step_sees_every_step_of_every_frame():
    seen = []
    realdenoise.denoise(torch.rand(2, 4, 4, 3), Halves(), steps=3, on_step=lambda frame, picture: seen.append(frame))
    assert seen == [0, 0, 0, 1, 1, 1]


def test_progress_ends_at_one_and_never_falls():
    seen = []
    realdenoise.denoise(torch.rand(2, 4, 4, 3), Halves(), steps=3, progress=lambda done, preview: seen.append(done))
    assert seen == sorted(seen) and seen[-1] == pytest.approx(1)


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"strength": 1.5}, "strength"),
        ({"steps": 0}, "steps"),
        ({"method": "magic"}, "method"),
        ({"start_alpha": 0.0}, "start_alpha"),
        ({"sigma": -1.0}, "sigma"),
    ],
)
def test_settings_out_of_range_are_named(change, problem):
    with pytest.raises(ValueError, match=problem):
        realdenoise.denoise(torch.rand(1, 4, 4, 3), Halves(), **change)


@pytest.mark.parametrize("sigma", [25, torch.tensor([0.1, 25.0]), torch.full((2, 1, 4, 4), 1.5)])
def test_a_sigma_on_the_scale_of_255_is_refused(sigma):
    with pytest.raises(ValueError, match=r"sigma is (25|1\.5), more than any value .*(25|1\.5)/255"):
        realdenoise.denoise(torch.rand(2, 4, 4, 3), Halves(), sigma=sigma)


def test_strong_noise_that_the_picture_may_hold_is_allowed():
    for image, sigma in ((30 * torch.randn(1, 4, 4, 3), 25), (torch.zeros(1, 4, 4, 3), 1.0)):
        assert torch.equal(realdenoise.denoise(image, Halves(), sigma=sigma), image / 2)


@pytest.mark.parametrize(
    ("image", "problem"),
    [
        (torch.full((1, 4, 4, 3), float("nan")), "NaN"),
        (torch.rand(0, 4, 4, 3), "empty"),
        (torch.rand(4, 4, 3), "B,H,W,C"),
        (torch.rand(1, 4, 4, 2), "channels"),
    ],
)
def test_unusable_images_are_named(image, problem):
    with pytest.raises(ValueError, match=problem):
        realdenoise.denoise(image, Halves())


def test_pictures_of_whole_numbers_are_refused():
    with pytest.raises(TypeError, match="divided by 255"):
        realdenoise.denoise(torch.zeros(1, 4, 4, 3, dtype=torch.uint8), Halves())


def test_a_denoiser_that_returns_its_input_may_be_blended():
    class Same(Halves):
        def __call__(self, image, level=None, monitor=None):
            return image

    for kind in (torch.float16, torch.float32):
        picture = torch.full((1, 4, 4, 3), 0.5, dtype=kind)
        assert torch.equal(realdenoise.denoise(picture, Same(), strength=0.5), picture)


def test_a_list_is_no_image():
    with pytest.raises(TypeError, match="IMAGE tensor"):
        realdenoise.denoise([[0.5]], Halves())


def test_progress_beside_a_monitor_is_refused_instead_of_forgotten():
    with pytest.raises(TypeError, match="both given"):
        realdenoise.denoise(torch.rand(1, 8, 8, 3), Halves(), progress=print, monitor=Monitor())


def test_a_name_is_no_denoiser():
    with pytest.raises(TypeError, match="must come from load_denoiser, got str"):
        realdenoise.denoise(torch.rand(1, 8, 8, 3), "heat")


@pytest.mark.parametrize("measure", [realdenoise.psnr, realdenoise.ssim])
@pytest.mark.parametrize("picture", [torch.rand(1, 16, 16, 3).numpy(), torch.zeros(1, 16, 16, 3, dtype=torch.uint8)])
def test_measures_refuse_what_is_no_tensor_of_floats(measure, picture):
    with pytest.raises(TypeError, match="image is .*; give a floating-point tensor"):
        measure(torch.rand(1, 16, 16, 3), picture)
