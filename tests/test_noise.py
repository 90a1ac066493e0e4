"""Noise: moments against theory, seeds per frame, spatial correlation, and shapes."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from realdenoise.imaging.noise import NOISE_KINDS, add_noise
from realdenoise.imaging.noise.blur import gaussian_blur, smooth_noise
from realdenoise.imaging.noise.camera import Camera, camera, random_camera, read_variance
from realdenoise.imaging.noise.film_grain import film_grain
from realdenoise.imaging.noise.impulse import random_impulse, salt_and_pepper
from realdenoise.imaging.noise.poisson_gaussian import shot_and_read
from realdenoise.imaging.srgb import from_linear, to_linear

SIDE = 256
DETERMINISTIC = {"jpeg", "webp", "quantisation"}


def rng(seed=0):
    return np.random.default_rng(seed)


def flat(value, channels=3, side=SIDE):
    return np.full((side, side, channels), value, dtype=np.float32)


def noise_of(name, clean, amount, seed=0, **options):
    return NOISE_KINDS[name].apply(clean, amount, rng(seed), **options) - clean


def autocorrelation(field, dy, dx):
    """Correlation of [H,W] with itself moved by (dy, dx)."""
    height, width = field.shape
    a, b = field[: height - dy, : width - dx], field[dy:, dx:]
    return float(np.corrcoef(a.ravel(), b.ravel())[0, 1])


@pytest.mark.parametrize(
    ("name", "value", "amount", "expected"),
    [
        ("gaussian", 0.5, 0.1, 0.1),
        ("speckle", 0.6, 0.1, 0.06),
        ("speckle", 0.0, 0.1, 0.0),
        ("poisson_gaussian", 1.0, 0.1, 0.1 * 1.04**0.5),
        ("poisson_gaussian", 0.25, 0.1, 0.1 * 0.29**0.5),
        ("film_grain", 0.5, 0.1, 0.1),
        ("film_grain", 0.1, 0.1, 0.06),
        ("film_grain", 1.0, 0.1, 0.0),
    ],
)
def test_mean_and_deviation(name, value, amount, expected):
    noise = noise_of(name, flat(value), amount)
    assert noise.std() == pytest.approx(expected, rel=0.02, abs=1e-7)
    # film grain's clumps leave fewer independent values than pixels
    assert abs(noise.mean()) < 4 * expected * 6 / SIDE + 1e-7


def test_shot_noise_is_poisson():
    photons = shot_and_read(flat(0.2), 0.01, 0.0, rng()) / 0.01
    assert np.allclose(photons, np.rint(photons), atol=1e-4)
    assert (photons < 0.5).mean() == pytest.approx(np.exp(-20), abs=1e-4)
    # third central moment of a Poisson variable is its mean
    assert ((photons - 20.0) ** 3).mean() == pytest.approx(20.0, rel=0.15)


def test_read_noise_alone_where_no_photon_falls():
    noisy = shot_and_read(flat(-0.3), 0.01, 0.0025, rng())
    assert noisy.mean() == pytest.approx(0, abs=0.001)
    assert noisy.std() == pytest.approx(0.05, rel=0.01)


@pytest.mark.parametrize("name", ["salt_and_pepper", "random_impulse"])
@pytest.mark.parametrize("density", [0.0, 0.1, 1.0])
def test_impulse_density(name, density):
    assert (noise_of(name, flat(0.5), density) != 0).mean() == pytest.approx(density, abs=0.004)


def test_impulse_values():
    salted = salt_and_pepper(flat(0.5), 0.5, rng())
    assert set(np.unique(salted)) == {0.0, 0.5, 1.0}
    assert (salted == 1).mean() == pytest.approx((salted == 0).mean(), abs=0.01)
    replaced = random_impulse(flat(2.0), 1.0, rng())
    assert replaced.mean() == pytest.approx(0.5, abs=0.005)
    assert replaced.var() == pytest.approx(1 / 12, rel=0.02)


@pytest.mark.parametrize("draw", [salt_and_pepper, random_impulse])
def test_impulse_on_whole_pixels(draw):
    hit = draw(flat(2.0), 0.3, rng(), whole_pixels=True) != 2.0
    assert (hit.all(axis=-1) == hit.any(axis=-1)).all()
    assert hit[..., 0].mean() == pytest.approx(0.3, abs=0.01)
    singly = draw(flat(2.0), 0.3, rng()) != 2.0
    assert singly.all(axis=-1).mean() == pytest.approx(0.027, abs=0.005)


def linear_camera_noise(value, shot, read, **settings):
    """The camera's noise in linear light, where its variance is known."""
    noisy = camera(flat(value), shot, rng(), read=read, settings=Camera(**settings))
    return to_linear(noisy) - to_linear(flat(value))


@pytest.mark.parametrize("value", [0.4, 0.7])
def test_camera_variance_in_raw_light(value):
    shot, read, exposure, gains = 1e-4, 1e-6, 0.5, (2.0, 1.0, 1.5)
    noise = linear_camera_noise(value, shot, read, gains=gains, exposure=exposure, mosaic=False)
    for channel, gain in enumerate(gains):
        raw = float(to_linear(flat(value))[0, 0, 0]) * exposure / gain
        expected = (shot * raw + read) ** 0.5 * gain / exposure
        assert noise[..., channel].std() == pytest.approx(expected, rel=0.02)


def test_camera_read_noise_follows_the_shot_noise():
    # Brooks et al. 2019 draw shot noise from 1e-4 to 1.2e-2; read noise is its companion on their line
    assert np.log(read_variance(1e-3)) == pytest.approx(2.18 * np.log(1e-3) + 1.2)


def test_camera_noise_is_spatially_correlated():
    noise = linear_camera_noise(0.5, 1e-4, 0.0)
    # theory of bilinear interpolation on a quincunx (green) and a square (red) lattice, averaged over the phases
    measured = [autocorrelation(noise[..., c], 0, 1) for c in range(3)]
    assert measured[1] == pytest.approx(0.4, abs=0.03)
    assert measured[0] == pytest.approx(2 / 3, abs=0.03)
    assert measured[2] == pytest.approx(2 / 3, abs=0.03)
    plain = linear_camera_noise(0.5, 1e-4, 0.0, mosaic=False)
    assert abs(autocorrelation(plain[..., 1], 0, 1)) < 0.02


def test_camera_mosaic_keeps_measured_pixels_and_moves_with_its_phase():
    noise = linear_camera_noise(0.5, 1e-4, 0.0, gains=(1.0, 1.0, 1.0))
    deviation = [[noise[y::2, x::2, 0].std() for x in (0, 1)] for y in (0, 1)]
    expected = deviation[0][0]  # red is measured at even rows and columns, the mean of 2 or 4 neighbours elsewhere
    assert deviation[0][1] == pytest.approx(expected / 2**0.5, rel=0.03)
    assert deviation[1][1] == pytest.approx(expected / 2, rel=0.03)
    moved = linear_camera_noise(0.5, 1e-4, 0.0, gains=(1.0, 1.0, 1.0), phase=(1, 1))
    assert moved[1::2, 1::2, 0].std() == pytest.approx(expected, rel=0.03)


def test_camera_border_is_as_noisy_as_the_middle():
    noise = linear_camera_noise(0.5, 1e-4, 0.0)[..., 1]
    edge = np.concatenate([noise[0], noise[-1], noise[:, 0], noise[:, -1]])
    assert edge.std() == pytest.approx(noise.std(), rel=0.1)


def test_camera_without_noise_changes_nothing():
    clean = rng().random((33, 47, 3), dtype=np.float32)
    assert np.abs(camera(clean, 0.0, rng()) - clean).max() < 1e-6


def test_camera_compression_and_blur():
    clean = flat(0.5)
    sharp = camera(clean, 1e-3, rng())
    blurred = camera(clean, 1e-3, rng(), settings=Camera(blur=0.8))
    assert blurred.std() < 0.7 * sharp.std()
    stored = camera(clean, 1e-3, rng(), settings=Camera(quality=80)) * 255
    assert np.abs(stored - np.rint(stored)).max() < 1e-3


def test_random_cameras_differ_and_stay_in_range():
    cameras = [random_camera(rng(seed)) for seed in range(400)]
    assert np.mean([c.mosaic for c in cameras]) == pytest.approx(0.7, abs=0.07)
    assert np.mean([c.quality is not None for c in cameras]) == pytest.approx(0.6, abs=0.07)
    assert {c.phase for c in cameras} == {(0, 0), (0, 1), (1, 0), (1, 1)}
    assert all(0.5 <= c.exposure <= 1 for c in cameras)


def test_srgb_is_the_standard_curve():
    assert to_linear(np.float32(0.5)) == pytest.approx(0.21404114, rel=1e-5)
    assert from_linear(np.float32(0.0031308)) == pytest.approx(0.04045, rel=1e-3)
    ramp = np.linspace(0, 1, 1001, dtype=np.float32)
    assert np.abs(from_linear(to_linear(ramp)) - ramp).max() < 1e-6


def test_film_grain_is_soft_and_gray():
    noise = film_grain(flat(0.5), 0.05, rng(), size=1.0, colour=0.25) - 0.5
    # a Gaussian blur of s pixels leaves the correlation exp(-d²/(4 s²)) at distance d
    assert autocorrelation(noise[..., 0], 0, 1) == pytest.approx(np.exp(-0.25), abs=0.03)
    between = np.corrcoef(noise[..., 0].ravel(), noise[..., 1].ravel())[0, 1]
    assert between == pytest.approx(0.75, abs=0.03)


def test_smooth_noise_has_variance_one_up_to_the_border():
    field = np.stack([smooth_noise((32, 32, 1), 1.5, rng(seed))[..., 0] for seed in range(200)])
    assert field.var() == pytest.approx(1, rel=0.05)
    assert field[:, 0].var() == pytest.approx(1, rel=0.1)


def test_gaussian_blur_equals_scipy():
    ndimage = pytest.importorskip("scipy.ndimage")
    field = rng().random((23, 31, 3), dtype=np.float32)
    expected = ndimage.gaussian_filter(field, (1.2, 1.2, 0), mode="reflect", radius=(4, 4, 0))
    assert np.abs(gaussian_blur(field, 1.2) - expected).max() < 1e-6


def test_banding_shifts_whole_rows():
    noise = noise_of("banding", flat(0.5), 0.1)
    assert np.ptp(noise, axis=1).max() < 1e-6
    assert noise[:, 0].std() == pytest.approx(0.1, rel=0.1)
    columns = noise_of("banding", flat(0.5), 0.1, columns=True)
    assert np.ptp(columns, axis=0).max() < 1e-6


def test_quantisation_levels():
    ramp = np.linspace(-0.1, 1.1, 300, dtype=np.float32).reshape(10, 10, 3)
    assert np.unique(NOISE_KINDS["quantisation"].apply(ramp, 5, rng())) == pytest.approx([0, 0.25, 0.5, 0.75, 1])


@pytest.mark.parametrize("name", ["jpeg", "webp"])
def test_compression_loses_more_at_lower_quality(name):
    y, x = np.mgrid[0:64, 0:64] / 64
    clean = np.stack([np.sin(9 * x) ** 2, y, np.cos(7 * x * y) ** 2], axis=-1).astype(np.float32)
    errors = [np.square(noise_of(name, clean, quality)).mean() for quality in (95, 60, 10)]
    assert 0 < errors[0] < errors[1] < errors[2]
    assert errors[0] < 2e-4


def test_jpeg_equals_pillow():
    from io import BytesIO

    from PIL import Image

    levels = rng().integers(0, 256, (40, 24, 3), dtype=np.uint8)
    file = BytesIO()
    Image.fromarray(levels).save(file, "JPEG", quality=40)
    decoded = NOISE_KINDS["jpeg"].apply(levels.astype(np.float32) / 255, 40, rng())
    assert np.array_equal(np.rint(decoded * 255), np.asarray(Image.open(file)))


@settings(max_examples=60, deadline=None)
@given(
    name=st.sampled_from(sorted(NOISE_KINDS)),
    height=st.integers(1, 9),
    width=st.integers(1, 9),
    channels=st.sampled_from([1, 3, 4]),
    seed=st.integers(0, 2**40),
    dtype=st.sampled_from([torch.float32, torch.float16]),
)
def test_any_shape(name, height, width, channels, seed, dtype):
    image = torch.rand(2, height, width, channels, generator=torch.Generator().manual_seed(seed)).to(dtype)
    kind = NOISE_KINDS[name]
    noisy = add_noise(image, name, kind.amount(kind.default), seed, clip=True)
    assert noisy.shape == image.shape and noisy.dtype == dtype
    assert torch.isfinite(noisy).all() and noisy.min() >= 0 and noisy.max() <= 1
    assert torch.equal(noisy[..., 3:], image[..., 3:])


@pytest.mark.parametrize("name", sorted(NOISE_KINDS))
def test_frame_alone_equals_frame_of_batch(name):
    image = torch.rand(3, 16, 20, 3, generator=torch.Generator().manual_seed(1))
    kind = NOISE_KINDS[name]
    amount = kind.amount(kind.default)
    batch = add_noise(image, name, amount, 7)
    for index in range(3):
        alone = add_noise(image[index : index + 1], name, amount, 7, first_frame=index)
        assert torch.equal(alone[0], batch[index])
    assert torch.equal(batch, add_noise(image, name, amount, 7))


@pytest.mark.parametrize("name", sorted(set(NOISE_KINDS) - DETERMINISTIC))
def test_frames_and_seeds_differ(name):
    image = torch.full((2, 32, 32, 3), 0.5)
    kind = NOISE_KINDS[name]
    first, second = add_noise(image, name, kind.amount(kind.default), 7)
    assert not torch.equal(first, second)
    assert not torch.equal(first, add_noise(image, name, kind.amount(kind.default), 8)[0])


@pytest.mark.parametrize("name", sorted(NOISE_KINDS))
def test_description_is_usable_as_a_widget(name):
    kind = NOISE_KINDS[name]
    assert kind.name == name
    assert kind.minimum <= kind.default <= kind.maximum
    assert kind.tooltip.endswith(".") and kind.unit and kind.label
    clean = rng().random((8, 8, 3), dtype=np.float32)
    for value in (kind.minimum, kind.maximum):
        assert np.isfinite(kind.apply(clean, kind.amount(value), rng())).all()


@pytest.mark.parametrize("name", sorted(NOISE_KINDS))
@pytest.mark.parametrize("amount", [-1.0, float("nan")])
def test_bad_amounts_are_refused(name, amount):
    with pytest.raises(ValueError, match="must be"):
        NOISE_KINDS[name].apply(flat(0.5, side=4), amount, rng())


def test_bad_frames_and_kinds_are_refused():
    with pytest.raises(ValueError, match="frame must be"):
        NOISE_KINDS["gaussian"].apply(np.zeros((4, 4, 2), np.float32), 0.1, rng())
    with pytest.raises(ValueError, match=r"'fog'.*gaussian"):
        add_noise(torch.zeros(1, 4, 4, 3), "fog", 0.1, 0)
    with pytest.raises(ValueError, match="16383"):
        NOISE_KINDS["webp"].apply(np.zeros((1, 16384, 1), np.float32), 50, rng())
