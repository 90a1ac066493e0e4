"""Kinds of pictures that a decoder reads wrongly, or only in part, without a word: read right, or refused."""

import io
from fractions import Fraction

import numpy as np
import pytest
import torch
from PIL import Image
from PIL.PngImagePlugin import PngInfo
from realdenoise.imaging.files import PictureError, PictureInfo, load_picture, save_picture
from realdenoise.imaging.level import DenoiseError
from realdenoise.imaging.metadata import Metadata
from small_exr import write_exr

av = pytest.importorskip("av")
tifffile = pytest.importorskip("tifffile")
TOP = {np.uint8: 255, np.uint16: 65535}


def levels(*shape: int, kind: type = np.uint16) -> np.ndarray:
    return np.random.default_rng(0).integers(0, TOP[kind] + 1, shape).astype(kind)


def loaded(path) -> np.ndarray:
    return load_picture(path)[0][0].double().numpy()


@pytest.mark.parametrize(
    ("options", "kind", "problem"),
    [
        ({"tile": (16, 16)}, np.uint16, "stored in tiles.*save it in strips"),
        ({"tile": (16, 16), "compression": "zlib"}, np.uint16, "stored in tiles.*save it in strips"),
        ({}, np.int16, "signed or floating-point numbers; convert"),
    ],
)
def test_sixteen_bits_that_would_be_read_as_something_else(tmp_path, options, kind, problem):
    tifffile.imwrite(tmp_path / "a.tif", levels(40, 50).astype(kind), photometric="minisblack", **options)
    with pytest.raises(DenoiseError, match=problem) as caught:
        load_picture(tmp_path / "a.tif")
    assert "a.tif" in str(caught.value) and "\n" not in str(caught.value)


def deep_tiff(pixels: np.ndarray, compression: str) -> bytes:
    """Several strips, by FFmpeg."""
    encoder = av.CodecContext.create("tiff", "w")
    encoder.height, encoder.width = pixels.shape[:2]
    encoder.pix_fmt, encoder.time_base, encoder.options = "rgb48le", Fraction(1), {"compression_algo": compression}
    frame = av.VideoFrame.from_ndarray(pixels, format="rgb48le")
    return b"".join(bytes(packet) for packet in [*encoder.encode(frame), *encoder.encode(None)])


@pytest.mark.parametrize("compression", ["raw", "packbits", "lzw", "deflate"])
def test_a_damaged_strip_of_sixteen_bits_is_no_black_band(tmp_path, compression):
    pixels = (np.arange(64 * 80 * 3).reshape(64, 80, 3) // 100).astype(np.uint16)
    content = deep_tiff(pixels, compression)
    (tmp_path / "a.tif").write_bytes(content)
    assert np.array_equal(np.rint(loaded(tmp_path / "a.tif") * 65535), pixels)
    if compression == "raw":
        return  # any bytes are pixels
    with tifffile.TiffFile(io.BytesIO(content)) as opened:
        page, number = opened.pages[0], len(opened.pages[0].dataoffsets) // 2
        start, size = page.dataoffsets[number], page.databytecounts[number]
    (tmp_path / "a.tif").write_bytes(content[:start] + bytes(size) + content[start + size :])
    with pytest.raises(DenoiseError, match=r"a\.tif' is damaged"):
        load_picture(tmp_path / "a.tif")


@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize("meaning", ["unspecified", "assocalpha", "unassalpha"])
def test_the_fourth_channel_of_a_tiff_is_straight_alpha(tmp_path, meaning, order, kind):
    """Whatever the depth: kept where the file does not say what it is, and divided out where it is multiplied in."""
    top, colours, alpha = TOP[kind], levels(9, 7, 3, kind=kind) / TOP[kind], np.linspace(0, 1, 63).reshape(9, 7, 1)
    stored = colours * alpha if meaning == "assocalpha" else colours
    pixels = np.rint(np.concatenate([stored, alpha], -1) * top).astype(kind)
    tifffile.imwrite(tmp_path / "a.tif", pixels, photometric="rgb", extrasamples=[meaning], byteorder=order)
    image = loaded(tmp_path / "a.tif")
    assert np.abs(image[..., 3:] - alpha).max() <= 0.51 / top
    seen = alpha[..., 0] > 0
    error = np.abs(image[..., :3] - colours)[seen] * np.maximum(alpha[seen], 1 / 16)
    assert error.max() <= 2 / top
    assert meaning != "assocalpha" or (image[~seen] == 0).all()


def test_gray_with_a_further_channel_in_a_tiff(tmp_path):
    pixels = levels(6, 8, 2, kind=np.uint8)
    for meaning in ("unspecified", "unassalpha", "assocalpha"):
        tifffile.imwrite(tmp_path / "a.tif", pixels, photometric="minisblack", extrasamples=[meaning])
        assert np.array_equal(np.rint(loaded(tmp_path / "a.tif")[..., 3] * 255), pixels[..., 1])
        assert load_picture(tmp_path / "a.tif")[1].gray


@pytest.mark.parametrize("mode", ["RGB", "I;16"])
@pytest.mark.parametrize("name", ["exif", "APP1"])
def test_a_camera_block_in_the_texts_of_a_png_turns_it_once(tmp_path, name, mode):
    block = Image.Exif()
    block[0x0112], block[271] = 6, "Maker"
    data, texts = block.tobytes(), PngInfo()
    hexadecimal = f"\nexif\n{len(data):8}\n{data.hex()}\n"
    texts.add_text(f"Raw profile type {name}", hexadecimal, zip=True)
    texts.add_text("Title", "kept")
    Image.new(mode, (8, 6)).save(tmp_path / "a.png", pnginfo=texts)
    image, info = load_picture(tmp_path / "a.png")
    save_picture(image[0], tmp_path / "b.png", info)
    assert load_picture(tmp_path / "b.png")[0].shape == image.shape == (1, 8, 6, 1 if mode == "I;16" else 3)
    with Image.open(tmp_path / "b.png") as out:
        assert (out.getexif()[271], out.getexif()[0x0112], out.text) == ("Maker", 1, {"Title": "kept"})


def test_a_damaged_camera_block_in_the_texts_of_a_png_is_left_out(tmp_path):
    texts = PngInfo()
    texts.add_text("Raw profile type exif", "\nexif\n 4\nno hexadecimal")
    Image.new("RGB", (8, 6)).save(tmp_path / "a.png", pnginfo=texts)
    image, info = load_picture(tmp_path / "a.png")
    assert image.shape == (1, 6, 8, 3) and info.metadata.exif is None and not info.metadata.text


def planes(names: list[str]) -> dict[str, np.ndarray]:
    return {name: levels(5, 7).astype(np.float32) / 65535 * (index + 1) for index, name in enumerate(names)}


@pytest.mark.parametrize("names", [["R", "G", "B"], ["r", "g", "b", "a"], ["Y"], ["Y", "A"]])
def test_an_exr_of_colours_or_gray(tmp_path, names):
    channels = planes(names)
    write_exr(tmp_path / "a.exr", channels)
    image, info = load_picture(tmp_path / "a.exr")
    values = [channels[name] for name in (["Y", "Y", "Y", "A"] if names == ["Y", "A"] else names)]
    assert np.allclose(image[0, ..., :3] * info.scale, np.stack(values[:3], -1), atol=1e-6)
    assert info.gray == ("Y" in names) and image.shape[-1] == len(values)
    assert len(values) < 4 or np.array_equal(image[0, ..., 3], values[3])


@pytest.mark.parametrize(
    ("names", "flags", "problem"),
    [
        (["R", "G", "B", "Z"], 0, r"would be lost \(Z\)"),
        (["R", "G", "B", "diffuse.R", "diffuse.G", "diffuse.B"], 0, r"lost \(diffuse.B, diffuse.G, diffuse.R\)"),
        (["Y", "depth"], 0, r"lost \(.*depth\)"),
        (["R", "G", "B"], 0x1000, "holds several pictures"),
    ],
)
def test_an_exr_with_more_than_that(tmp_path, names, flags, problem):
    write_exr(tmp_path / "a.exr", planes(names), flags)
    with pytest.raises(DenoiseError, match=problem) as caught:
        load_picture(tmp_path / "a.exr")
    assert "a.exr" in str(caught.value)


@pytest.mark.parametrize("suffix, kept", [(".png", b"\x10\x04"), (".tif", b"")])
def test_gray_with_alpha_of_sixteen_bits(tmp_path, suffix, kept):
    """Bits and kind of colour in a PNG's header; no other format has both for the libraries that read it."""
    image = torch.from_numpy(levels(5, 7, 2)[..., [0, 0, 0, 1]] / np.float32(65535))
    save_picture(image, tmp_path / f"a{suffix}", PictureInfo(gray=True, bits=16))
    again, info = load_picture(tmp_path / f"a{suffix}")
    assert torch.equal(again[0], image) and info.bits == 16 and info.gray == bool(kept)
    assert not kept or (tmp_path / f"a{suffix}").read_bytes()[24:26] == kept


@pytest.mark.parametrize("dpi, kept", [((65535, 300), True), ((65536, 300), False), ((300, 0.2), False)])
def test_a_resolution_that_a_jpeg_cannot_say_is_left_out(tmp_path, dpi, kept):
    save_picture(torch.zeros(4, 4, 3), tmp_path / "a.jpg", PictureInfo(metadata=Metadata(dpi=dpi)))
    assert load_picture(tmp_path / "a.jpg")[1].metadata.dpi == (dpi if kept else None)


@pytest.mark.parametrize(
    ("name", "shape", "metadata", "problem"),
    [
        ("a.jpg", (1, 65501, 1), Metadata(), "65501 by 1 pixels, at most 65500"),
        ("a.webp", (16384, 1, 3), Metadata(), "1 by 16384 pixels, at most 16383"),
        ("a.jpg", (2, 2, 3), Metadata(exif=b"II*\0" + bytes(65524)), "64 KiB of camera data"),
        ("a.jpg", (2, 2, 3), Metadata(xmp=bytes(65505)), "64 KiB of XMP"),
    ],
)
def test_what_is_too_large_for_the_format(tmp_path, name, shape, metadata, problem):
    with pytest.raises(PictureError, match=problem) as caught:
        save_picture(torch.zeros(shape), tmp_path / name, PictureInfo(metadata=metadata))
    assert name in str(caught.value) and "use .png" in str(caught.value) and not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("name", "shape", "metadata"),
    [
        ("a.jpg", (1, 65500, 1), Metadata()),
        ("a.webp", (16383, 1, 3), Metadata()),
        ("a.jpg", (2, 2, 3), Metadata(exif=b"II*\0\x08\0\0\0" + bytes(65519), xmp=bytes(65504))),
    ],
)
def test_what_just_fits_the_format(tmp_path, name, shape, metadata):
    save_picture(torch.zeros(shape), tmp_path / name, PictureInfo(metadata=metadata))
    assert load_picture(tmp_path / name)[0].shape[1:3] == shape[:2]
