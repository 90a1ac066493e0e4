"""Picture files: what goes in comes out, nothing is lost silently, nothing is half written."""

import io
import os
import struct

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms, ImageOps
from realdenoise.imaging.files import PictureError, PictureInfo, load_picture, save_picture, turn, writing
from realdenoise.imaging.level import DenoiseError
from realdenoise.imaging.metadata import EXIF_HEADER, Metadata, upright_exif

LOSSLESS = [".png", ".tif", ".webp"]
ICC = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def levels(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)


def exif(orientation: int, exposure: bool = True) -> Image.Exif:
    block = Image.Exif()
    block[0x0112], block[271], block[305] = orientation, "Maker", "Firmware 1"
    if exposure:
        block.get_ifd(0x8769)[0x829A] = 0.005
    return block


def reread(path):
    image, info = load_picture(path)
    return (image[0] * 255).numpy(), info


@pytest.mark.parametrize("suffix", LOSSLESS)
@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA"])
def test_load_and_save_keep_every_level(tmp_path, suffix, mode):
    channels = len(mode)
    pixels = levels(5, 7, channels)
    Image.frombytes(mode, (7, 5), pixels.tobytes()).save(tmp_path / "in.png")
    image, info = load_picture(tmp_path / "in.png")
    assert image.shape == (1, 5, 7, channels)
    save_picture(image[0], tmp_path / f"out{suffix}", info, quality=100)
    with Image.open(tmp_path / f"out{suffix}") as out:
        assert np.array_equal(np.asarray(out.convert(mode)).reshape(5, 7, channels), pixels)


def test_gray_with_alpha_stays_gray_with_alpha(tmp_path):
    pixels = levels(4, 6, 2)
    Image.frombytes("LA", (6, 4), pixels.tobytes()).save(tmp_path / "in.png")
    image, info = load_picture(tmp_path / "in.png")
    assert image.shape[-1] == 4
    save_picture(image[0], tmp_path / "out.png", info)
    with Image.open(tmp_path / "out.png") as out:
        assert out.mode == "LA"
        assert out.tobytes() == pixels.tobytes()


@given(st.floats(0, 1, width=32))
@settings(max_examples=60, deadline=None)
def test_saving_rounds_to_the_nearest_level(tmp_path_factory, value):
    path = tmp_path_factory.mktemp("round") / "x.png"
    save_picture(torch.full((2, 2, 3), value), path)
    with Image.open(path) as out:
        assert abs(out.getpixel((0, 0))[0] - value * 255) <= 0.5 + 1e-4


def test_values_outside_the_range_are_clipped(tmp_path):
    save_picture(torch.tensor([[[-0.2, 1.4, 0.5]]]), tmp_path / "x.png")
    with Image.open(tmp_path / "x.png") as out:
        assert out.getpixel((0, 0)) == (0, 255, 128)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("suffix", [".jpg", ".png", ".tif", ".webp"])
def test_orientation_is_applied_once_and_camera_data_kept(tmp_path, suffix, orientation):
    flat = Image.new("RGB", (12, 8), (200, 30, 30))
    flat.paste((20, 20, 200), (0, 0, 6, 4))
    flat.save(tmp_path / f"in{suffix}", exif=exif(orientation, suffix != ".tif"), quality=95)
    image, info = load_picture(tmp_path / f"in{suffix}")
    save_picture(image[0], tmp_path / f"out{suffix}", info, quality=100)
    with Image.open(tmp_path / f"in{suffix}") as source, Image.open(tmp_path / f"out{suffix}") as out:
        seen = ImageOps.exif_transpose(source).convert("RGB")
        assert ImageOps.exif_transpose(out).size == out.size == seen.size
        assert np.abs(np.asarray(out.convert("RGB"), int) - np.asarray(seen, int)).max() <= 12
        kept = out.getexif()
    assert kept.get(0x0112, 1) == 1
    assert kept[271] == "Maker"
    if suffix != ".tif":  # Pillow cannot write that directory into a TIFF
        assert float(kept.get_ifd(0x8769)[0x829A]) == pytest.approx(0.005)


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".tif", ".webp"])
def test_colour_profile_is_kept_byte_for_byte(tmp_path, suffix):
    Image.new("RGB", (8, 8)).save(tmp_path / f"in{suffix}", icc_profile=ICC)
    image, info = load_picture(tmp_path / f"in{suffix}")
    save_picture(image[0], tmp_path / f"out{suffix}", info)
    with Image.open(tmp_path / f"out{suffix}") as out:
        assert out.info["icc_profile"] == ICC


def test_texts_of_a_png_are_kept(tmp_path):
    from PIL.PngImagePlugin import PngInfo

    texts = PngInfo()
    texts.add_text("workflow", '{"nodes": []}')
    Image.new("RGB", (4, 4)).save(tmp_path / "in.png", pnginfo=texts, dpi=(300, 300))
    image, info = load_picture(tmp_path / "in.png")
    save_picture(image[0], tmp_path / "out.png", info)
    with Image.open(tmp_path / "out.png") as out:
        assert out.text == {"workflow": '{"nodes": []}'}
        assert out.info["dpi"] == pytest.approx((300, 300), abs=0.1)


@pytest.mark.parametrize("order", ["<", ">"])
def test_only_the_orientation_of_an_exif_block_changes(order):
    head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(order + "I", 8)
    entries = [(0x010F, 2, 4, b"Cam\0"), (0x0112, 3, 1, struct.pack(order + "HH", 6, 0)), (0x927C, 7, 4, b"note")]
    body = b"".join(struct.pack(order + "HHI", tag, kind, count) + value for tag, kind, count, value in entries)
    block = head + struct.pack(order + "H", 3) + body + b"\0\0\0\0tail"
    upright = upright_exif(block)
    changed = [index for index, (a, b) in enumerate(zip(block, upright, strict=True)) if a != b]
    assert len(changed) == 1
    loaded = Image.Exif()
    loaded.load(EXIF_HEADER + upright)
    assert (loaded[0x0112], loaded[0x010F]) == (1, "Cam")


@given(st.binary(max_size=64))
def test_a_damaged_exif_block_is_left_as_it_is(data):
    assert len(upright_exif(data)) == len(data)


def truncated_jpeg(path):
    buffer = io.BytesIO()
    Image.fromarray(levels(64, 64, 3)).save(buffer, "JPEG")
    path.write_bytes(buffer.getvalue()[:-500])


def two_frames(path):
    frames = [Image.new("RGB", (4, 4), colour) for colour in ("red", "blue")]
    frames[0].save(path, save_all=True, append_images=frames[1:])


BAD = {
    "cut short": ("x.jpg", truncated_jpeg, "damaged"),
    "empty": ("x.png", lambda path: path.write_bytes(b""), "no PNG, JPEG, WebP, TIFF or EXR"),
    "text": ("x.png", lambda path: path.write_text("hello"), "no PNG, JPEG, WebP, TIFF or EXR"),
    "folder": ("x.png", lambda path: path.mkdir(), "is a folder"),
    "broken EXR": ("x.exr", lambda path: path.write_bytes(b"v/1\x01 rest"), "damaged or of an unusual kind"),
    "float tiff": ("x.tif", lambda path: Image.new("F", (4, 4)).save(path), "32 bits per channel"),
    "animation": ("x.webp", two_frames, "holds 2 pictures"),
    "pages": ("x.tif", two_frames, "holds 2 pictures"),
    "CMYK": ("x.jpg", lambda path: Image.new("CMYK", (4, 4)).save(path), "is CMYK"),
}


@pytest.mark.parametrize("name, make, message", BAD.values(), ids=BAD)
def test_a_file_that_cannot_be_kept_whole_is_refused_in_one_sentence(tmp_path, name, make, message):
    make(tmp_path / name)
    with pytest.raises(DenoiseError, match=message) as caught:
        load_picture(tmp_path / name)
    assert name in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_decompression_bomb_is_refused_and_a_large_photo_is_not(tmp_path, monkeypatch, recwarn):
    Image.new("RGB", (40, 40)).save(tmp_path / "x.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
    assert load_picture(tmp_path / "x.png")[0].shape == (1, 40, 40, 3)  # Pillow only warns up to twice its limit
    assert not recwarn
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 700)
    with pytest.raises(PictureError, match="million pixels"):
        load_picture(tmp_path / "x.png")


def test_a_missing_file_is_the_systems_own_error(tmp_path):
    with pytest.raises(FileNotFoundError):
        load_picture(tmp_path / "none.png")


@pytest.mark.parametrize("name, message", [("x.jpg", "transparency"), ("x.gif", "no known picture format")])
def test_what_a_format_cannot_hold_is_refused_before_writing(tmp_path, name, message):
    with pytest.raises(PictureError, match=message):
        save_picture(torch.zeros(2, 2, 4), tmp_path / name)
    assert list(tmp_path.iterdir()) == []


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "x.png"
    path.write_bytes(b"old")
    with pytest.raises(RuntimeError), writing(path) as temporary:
        temporary.write_bytes(b"half")
        raise RuntimeError
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_name_as_long_as_the_system_allows_can_be_written(tmp_path):
    path = tmp_path / ("あ" * 82 + ".png")
    assert len(path.name.encode()) == 250
    save_picture(torch.ones(2, 2, 3), path)
    assert list(tmp_path.iterdir()) == [path]
    assert load_picture(path)[0].mean() == 1
    with pytest.raises(OSError) as caught:
        save_picture(torch.ones(2, 2, 3), tmp_path / f"{'x' * 300}.png")
    assert caught.value.filename == str(tmp_path / f"{'x' * 300}.png")


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write anywhere")
def test_a_read_only_folder_is_the_systems_own_error(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(PermissionError):
        save_picture(torch.zeros(2, 2, 3), tmp_path / "x.png")


def test_jpeg_colours_are_not_subsampled(tmp_path):
    stripes = torch.zeros(16, 16, 3)
    stripes[:, ::2, 0] = 1
    stripes[:, 1::2, 2] = 1
    save_picture(stripes, tmp_path / "x.jpg", quality=100)
    assert np.abs(reread(tmp_path / "x.jpg")[0] / 255 - stripes.numpy()).max() < 0.05


def test_an_alpha_from_the_palette_is_kept(tmp_path):
    picture = Image.new("P", (2, 1))
    picture.putpalette([10, 20, 30, 40, 50, 60])
    picture.putpixel((1, 0), 1)
    picture.save(tmp_path / "x.png", transparency=0)
    assert np.rint(reread(tmp_path / "x.png")[0]).tolist() == [[[10, 20, 30, 0], [40, 50, 60, 255]]]


def deep_levels(*shape: int) -> torch.Tensor:
    levels = np.random.default_rng(0).integers(0, 65536, shape).astype(np.float32)
    return torch.from_numpy(levels / np.float32(65535))


@pytest.mark.parametrize("suffix", [".png", ".tif"])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_sixteen_bits_stay_sixteen_bits(tmp_path, suffix, channels):
    pytest.importorskip("av")
    image = deep_levels(9, 13, channels)
    info = PictureInfo(bits=16, metadata=Metadata(icc=ICC, exif=exif(1).tobytes()[6:], xmp=b"<x:xmpmeta/>"))
    save_picture(image, tmp_path / f"a{suffix}", info)
    again, kept = load_picture(tmp_path / f"a{suffix}")
    assert kept.bits == 16
    assert torch.equal(again[0], image)
    assert kept.metadata.icc == ICC and kept.metadata.xmp == b"<x:xmpmeta/>"
    with Image.open(tmp_path / f"a{suffix}") as opened:
        found = opened.getexif()
        assert found[271] == "Maker" and float(found.get_ifd(0x8769)[0x829A]) == pytest.approx(0.005)
        high = np.asarray(opened, np.int64) >> 8 if channels == 1 else np.asarray(opened)  # what Pillow makes of it
    wanted = (image.double() * 65535).round().long().numpy() >> 8
    assert np.abs(high.reshape(wanted.shape) - wanted).max() <= 1


@pytest.mark.parametrize("orientation", range(1, 9))
def test_deep_pictures_are_turned_like_others(orientation):
    stored = Image.fromarray(levels(3, 5, 3))
    tagged = Image.Exif()
    tagged[0x0112] = orientation
    stored.info["exif"] = tagged.tobytes()
    tensor = torch.from_numpy(np.array(stored))[None]
    assert np.array_equal(turn(tensor, orientation)[0].numpy(), np.asarray(ImageOps.exif_transpose(stored)))


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_exr_keeps_what_lies_outside_the_range(tmp_path, channels):
    pytest.importorskip("av")
    image = torch.linspace(-0.5, 12, 6 * 7 * channels).reshape(6, 7, channels)
    save_picture(image, tmp_path / "a.exr")
    scaled, info = load_picture(tmp_path / "a.exr")
    assert float(scaled[..., :3].max()) == 1
    save_picture(scaled[0], tmp_path / "b.exr", info)
    again, _ = load_picture(tmp_path / "b.exr")
    assert torch.allclose(again, scaled, atol=1e-6)
    assert info.scale == pytest.approx(float(image[..., :3].max()))


@pytest.mark.parametrize("suffix", [".png", ".tif", ".exr"])
def test_deep_files_that_are_cut_short_are_refused(tmp_path, suffix):
    pytest.importorskip("av")
    save_picture(deep_levels(60, 70, 3), tmp_path / f"a{suffix}", PictureInfo(bits=16))
    content = (tmp_path / f"a{suffix}").read_bytes()
    assert load_picture(tmp_path / f"a{suffix}")[0].shape == (1, 60, 70, 3)
    for share in (0.1, 0.6, 0.99):
        (tmp_path / f"b{suffix}").write_bytes(content[: int(share * len(content))])
        with pytest.raises(DenoiseError):
            load_picture(tmp_path / f"b{suffix}")


def test_eight_bit_tiff_equals_what_another_library_reads(tmp_path):
    tifffile = pytest.importorskip("tifffile")
    pixels = levels(301, 1201, 3)  # several strips
    save_picture(torch.from_numpy(pixels / np.float32(255)), tmp_path / "a.tif")
    assert np.array_equal(tifffile.imread(tmp_path / "a.tif"), pixels)
