"""Pictures of more than 8 bits: the same brightness in every format, and all that the file says beside its pixels."""

import struct
from dataclasses import replace
from fractions import Fraction

import pytest
import torch
from PIL import Image, TiffImagePlugin
from realdenoise.imaging.files import PictureInfo, load_picture, save_picture
from realdenoise.imaging.metadata import Metadata

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


@pytest.mark.parametrize("order", [b"II", b"MM", None])
@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_the_resolution_is_written_and_kept_on_rewriting(tmp_path, suffix, bits, order):
    """Across and down differ, and one is no whole number; a PNG rounds to whole pixels per metre, 0.0254 dpi."""
    endian = ">" if order == b"MM" else "<"
    entry = struct.pack(endian + "HHII", 282, 5, 1, 26) + bytes(4)  # another resolution inside the EXIF block
    exif = order and order + struct.pack(endian + "HIH", 42, 8, 1) + entry + struct.pack(endian + "II", 72, 1)
    info = PictureInfo(bits=bits, metadata=Metadata(dpi=(300.0, 118.11), exif=exif))
    save_picture(torch.rand(5, 7, 3), tmp_path / f"a{suffix}", info)
    image, kept = load_picture(tmp_path / f"a{suffix}")
    save_picture(image[0], tmp_path / f"b{suffix}", kept)
    for name in ("a", "b"):
        with Image.open(tmp_path / f"{name}{suffix}") as out:
            assert out.info["dpi"] == pytest.approx((300, 118.11), abs=0.0127 if suffix == ".png" else 1e-4)
            assert suffix == ".png" or [out.tag_v2[tag] for tag in (282, 283, 296)] == [300, Fraction(11811, 100), 2]
    assert kept.bits == bits
    assert (tmp_path / f"b{suffix}").read_bytes().count(b"pHYs") == (suffix == ".png")


@pytest.mark.parametrize("suffix", [".png", ".tif"])
@pytest.mark.parametrize("bits", [8, 16])
def test_no_resolution_is_made_up(tmp_path, suffix, bits):
    save_picture(torch.rand(5, 7, 3), tmp_path / f"a{suffix}", PictureInfo(bits=bits))
    assert load_picture(tmp_path / f"a{suffix}")[1].metadata.dpi is None
    with Image.open(tmp_path / f"a{suffix}") as out:
        if suffix == ".png":
            assert not {"dpi", "aspect"} & set(out.info)
        else:  # Pillow's info says 1 by 1
            assert not {282, 283, 296} & set(out.tag_v2)


def test_centimetres_become_inches_and_nonsense_is_left_out(tmp_path):
    Image.new("RGB", (4, 4)).save(tmp_path / "cm.tif", resolution_unit="cm", x_resolution=100, y_resolution=50)
    assert load_picture(tmp_path / "cm.tif")[1].metadata.dpi == pytest.approx((254, 127))
    zero = {282: TiffImagePlugin.IFDRational(0, 0), 283: TiffImagePlugin.IFDRational(0, 0), 296: 2}
    Image.new("RGB", (4, 4)).save(tmp_path / "zero.tif", tiffinfo=zero)
    image, info = load_picture(tmp_path / "zero.tif")
    assert info.metadata.dpi is None
    save_picture(image[0], tmp_path / "zero.png", info)
