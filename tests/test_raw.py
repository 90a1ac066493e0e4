"""Camera raw: developed at 16 bits, upright, with a profile that tells the truth; and an error that says what to do."""

import io
import sys
import types

import numpy as np
import pytest
import torch
from PIL import Image, ImageCms
from realdenoise import host
from realdenoise.cli import main
from realdenoise.imaging.files import load_picture, save_picture
from realdenoise.imaging.icc import srgb_profile
from realdenoise.imaging.level import DenoiseError
from realdenoise.imaging.raw import load_photo
from realdenoise.imaging.srgb import from_linear, to_linear
from realdenoise.nodes import NODE_CLASS_MAPPINGS

WHITE, BLACK = 60000, 1000
TO_CAMERA = [32404542, -15371385, -4985314, -9692660, 18760108, 415560, 556434, -2040259, 10572252]
"""XYZ to linear sRGB (IEC 61966-2-1), in ten-millionths: a camera that sees sRGB's colours."""


def write_dng(path, light: np.ndarray) -> None:
    """Linear light [H,W,3] in [0,1] through a Bayer mosaic of red, green, green and blue."""
    tifffile = pytest.importorskip("tifffile")
    mosaic = light[..., 1].copy()
    mosaic[::2, ::2], mosaic[1::2, 1::2] = light[::2, ::2, 0], light[1::2, 1::2, 2]
    matrix = [number for value in TO_CAMERA for number in (value, 10_000_000)]
    tags = [
        (271, "s", 0, "Maker", False),
        (272, "s", 0, "Model 1", False),
        (33421, "H", 2, (2, 2), False),
        (33422, "B", 4, bytes([0, 1, 1, 2]), False),
        (50706, "B", 4, bytes([1, 4, 0, 0]), False),
        (50708, "s", 0, "Maker Model 1", False),
        (50714, "H", 1, BLACK, False),
        (50717, "H", 1, WHITE, False),
        (50721, "2i", 9, tuple(matrix), False),
        (50728, "2I", 3, (1, 1, 1, 1, 1, 1), False),
        (50778, "H", 1, 21, False),
    ]
    levels = np.round(BLACK + mosaic.clip(0, 1) * (WHITE - BLACK)).astype(np.uint16)
    tifffile.imwrite(path, levels, photometric="cfa", extratags=tags, metadata=None)


@pytest.fixture
def scene(tmp_path):
    pytest.importorskip("rawpy")
    ramp = np.linspace(0.1, 0.9, 64)
    light = np.stack([np.tile(ramp, (48, 1)), np.full((48, 64), 0.4), np.tile(ramp[::-1], (48, 1))], -1)
    write_dng(tmp_path / "a.dng", light)
    return light


@pytest.mark.parametrize("development", ["sRGB", "linear"])
def test_a_raw_file_is_developed_to_what_the_camera_saw(tmp_path, scene, development):
    image, info = load_photo(tmp_path / "a.dng", development)
    assert image.shape == (1, 48, 64, 3) and (info.bits, info.suffix) == (16, ".tif")
    wanted = scene if development == "linear" else from_linear(scene)
    inner = np.abs(image[0].numpy() - wanted)[4:-4, 4:-4]
    assert inner.mean() < 0.01 and inner.max() < 0.03
    assert (255 * image - (255 * image).round()).abs().max() > 0.4  # more than 8 bits
    save_picture(image[0], tmp_path / "b.tif", info)
    with Image.open(tmp_path / "b.tif") as saved:
        assert saved.getexif()[271] == "Maker" and saved.info["icc_profile"] == srgb_profile(development == "linear")
    assert torch.equal(load_picture(tmp_path / "b.tif")[0], image)


def test_the_commands_and_the_node_take_it(tmp_path, scene, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "in/deep").mkdir(parents=True)
    (tmp_path / "a.dng").rename(tmp_path / "in/deep/a.DNG")
    quick = ["--denoiser", "heat", "--sigma", "2"]
    assert main(["denoise", "in", "-o", "out", *quick]) == 0
    assert main(["batch", "in", "all", "--raw", "linear", *quick]) == 0
    developed = {name: load_picture(f"{name}/deep/a.tif")[0] for name in ("out", "all")}
    assert np.abs(to_linear(developed["out"].numpy()) - developed["all"].numpy())[:, 6:-6, 6:-6].max() < 0.02
    assert main(["batch", "in", "all", *quick]) == 0  # finished: skipped
    assert torch.equal(load_picture("all/deep/a.tif")[0], developed["all"])
    monkeypatch.setattr(host, "_plain_folders", {"input": tmp_path / "in"})
    image, info = NODE_CLASS_MAPPINGS["RealDenoiseLoadPhoto"]().load("deep/a.DNG", "linear")
    assert torch.equal(image, load_photo("in/deep/a.DNG", "linear")[0]) and info.bits == 16


@pytest.mark.parametrize("kind", ["<f4", ">f4", "u4"])
def test_a_colour_tiff_of_32_bits_is_called_that(tmp_path, kind):
    tifffile = pytest.importorskip("tifffile")
    tifffile.imwrite(tmp_path / "x.tif", np.ones((8, 8, 3), kind), byteorder=">" if kind[0] == ">" else "<")
    with pytest.raises(DenoiseError, match=r"x\.tif' is a TIFF of a kind .* 32 bits.*convert it to 16 bits, or to EXR"):
        load_photo(tmp_path / "x.tif")


def test_a_radiance_picture_is_called_that(tmp_path):
    (tmp_path / "x.hdr").write_bytes(b"#?RADIANCE\nFORMAT=32-bit_rle_rgbe\n\n-Y 2 +X 2\n" + bytes(16))
    with pytest.raises(DenoiseError, match=r"x\.hdr' is a Radiance picture.*convert it to EXR"):
        load_photo(tmp_path / "x.hdr")


def test_a_damaged_raw_file_is_named(tmp_path):
    pytest.importorskip("rawpy")
    (tmp_path / "x.nef").write_bytes(b"MM\0*" + bytes(60))
    with pytest.raises(DenoiseError, match=r"x\.nef' is damaged or of an unknown camera"):
        load_photo(tmp_path / "x.nef")
    with pytest.raises(FileNotFoundError):
        load_photo(tmp_path / "none.nef")


def test_without_rawpy_the_error_says_what_to_install(tmp_path, monkeypatch):
    (tmp_path / "x.nef").write_bytes(b"raw")
    monkeypatch.setitem(sys.modules, "rawpy", None)
    with pytest.raises(DenoiseError, match="pip install rawpy"):
        load_photo(tmp_path / "x.nef")


def test_what_the_developer_is_asked_for(tmp_path, monkeypatch):
    """No brightening that differs from picture to picture, the camera's white balance, 16 bits."""
    asked = {}

    class Raw(io.BytesIO):
        def postprocess(self, **options):
            asked.update(options)
            return np.full((2, 3, 3), 65535, np.uint16)

    fake = types.ModuleType("rawpy")
    fake.imread, fake.LibRawError = lambda path: Raw(), RuntimeError
    fake.ColorSpace = types.SimpleNamespace(sRGB="sRGB")
    monkeypatch.setitem(sys.modules, "rawpy", fake)
    (tmp_path / "x.arw").write_bytes(b"raw")
    image, _ = load_photo(tmp_path / "x.arw", "linear")
    assert torch.equal(image, torch.ones(1, 2, 3, 3))
    assert (asked["output_bps"], asked["gamma"], asked["output_color"]) == (16, (1, 1), "sRGB")
    assert asked["use_camera_wb"] and asked["no_auto_bright"] and asked["adjust_maximum_thr"] == 0


@pytest.mark.parametrize("linear", [False, True])
def test_the_profiles_mean_what_they_say(linear):
    ours = ImageCms.ImageCmsProfile(io.BytesIO(srgb_profile(linear)))
    gray = Image.fromarray(np.stack([np.arange(256, dtype=np.uint8)[None]] * 3, -1))
    shown = np.asarray(ImageCms.profileToProfile(gray, ours, ImageCms.createProfile("sRGB")), np.float32)[0]
    values = np.arange(256, dtype=np.float32) / 255
    wanted = 255 * (from_linear(values) if linear else values)
    assert np.abs(shown - wanted[:, None]).max() <= 1.5
