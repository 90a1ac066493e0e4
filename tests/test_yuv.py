"""Colours of videos by numbers: what planes mean, and that they come back as they were."""

from fractions import Fraction

import numpy as np
import pytest
import torch
from realdenoise.imaging.clip import FileClip
from realdenoise.imaging.video import convert_video
from realdenoise.imaging.video_encoder import Encoding, add_video
from realdenoise.imaging.video_reader import read_video

av = pytest.importorskip("av")
BT709, BT601, BT2020, LIMITED, FULL = 1, 5, 9, 1, 2
SHARES = {BT709: (0.2126, 0.0722), BT601: (0.299, 0.114), BT2020: (0.2627, 0.0593)}
LAYOUTS = ("yuv420p", "yuv444p", "yuv410p", "yuv420p10le", "yuv422p12le", "yuv444p16le", "yuva420p")


def flat_samples(plane, bits: int) -> np.ndarray:
    kind = np.uint8 if bits <= 8 else np.uint16
    return np.frombuffer(plane, kind).reshape(plane.height, -1)[:, : plane.width]


def drawn(layout: str, size: tuple[int, int], matrix: int, extent: int):
    """A frame of noise in luma and in colour, so far from the ends that every pixel has an RGB."""
    frame, random = av.VideoFrame(*size, layout), np.random.default_rng(0)
    bits = frame.format.components[0].bits
    step = 2 ** (bits - 8)
    for index, plane in enumerate(frame.planes):
        low, high = ((90, 170), (116, 140), (116, 140), (255, 256))[index]
        flat_samples(plane, bits)[:] = random.integers(low * step, high * step, (plane.height, plane.width))
    frame.colorspace, frame.color_range, frame.pts = matrix, extent, 0
    return frame


def meant(frame, matrix: int, extent: int) -> np.ndarray:
    """[H,W,3] in [0,1], by the equations of ITU-T H.273."""
    bits = frame.format.components[0].bits
    luma, blue, red = (flat_samples(plane, bits).astype(float) for plane in frame.planes[:3])
    top, step = 2**bits - 1, 2 ** (bits - 8)
    scale, offset, chroma = (top, 0, top) if extent == FULL else (219 * step, 16 * step, 224 * step)
    rows, columns = np.arange(frame.height), np.arange(frame.width)
    down, across = (round(2 ** np.ceil(np.log2(a / b))) for a, b in zip(luma.shape, red.shape, strict=True))
    blue, red = (plane[rows // down][:, columns // across] for plane in (blue, red))
    of_red, of_blue = SHARES[matrix]
    y, cb, cr = (luma - offset) / scale, (blue - 128 * step) / chroma, (red - 128 * step) / chroma
    r, b = y + 2 * (1 - of_red) * cr, y + 2 * (1 - of_blue) * cb
    return np.stack([r, (y - of_red * r - of_blue * b) / (1 - of_red - of_blue), b], -1)


def film(path, frame) -> None:
    with av.open(str(path), "w") as writer:
        track = add_video(
            writer, "ffv1", Encoding("ffv1"), (frame.width, frame.height), Fraction(25), frame.format.name
        )
        track.codec_context.colorspace, track.codec_context.color_range = frame.colorspace, frame.color_range
        writer.mux([*track.encode(frame), *track.encode(None)])


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("matrix", [BT709, BT601, BT2020])
@pytest.mark.parametrize("extent", [LIMITED, FULL])
def test_colours_are_what_the_video_means_and_come_back_as_they_were(tmp_path, layout, matrix, extent):
    frame = drawn(layout, (33, 19), matrix, extent)
    wanted, bits = meant(frame, matrix, extent), frame.format.components[0].bits
    film(tmp_path / "a.mkv", frame)
    (seen,) = read_video(FileClip(str(tmp_path / "a.mkv")))
    assert np.abs(seen[0].numpy() - wanted).max() < 1e-5
    convert_video(FileClip(str(tmp_path / "a.mkv")), tmp_path / "b.mkv", lambda image: image, codec="ffv1")
    with av.open(str(tmp_path / "b.mkv")) as reader:
        again = next(reader.decode(video=0))
    assert (again.format.name, again.colorspace, again.color_range) == (layout, matrix, extent)
    for before, after in zip(frame.planes, again.planes, strict=True):
        assert np.array_equal(flat_samples(before, bits), flat_samples(after, bits))


@pytest.mark.parametrize("codec, suffix", [("libx264", ".mp4"), ("libvpx-vp9", ".webm"), ("prores_ks", ".mov")])
def test_flat_colours_keep_their_levels(tmp_path, codec, suffix):
    if codec not in av.codecs_available:
        pytest.skip(f"this FFmpeg has no {codec}")
    frame = drawn("yuv420p", (64, 48), BT709, LIMITED)
    for plane, level in zip(frame.planes, (141, 118, 137), strict=True):
        flat_samples(plane, 8)[:] = level
    film(tmp_path / "a.mkv", frame)
    clip, target = FileClip(str(tmp_path / "a.mkv")), tmp_path / f"b{suffix}"
    convert_video(clip, target, lambda image: image, codec=codec, quality=4)
    with av.open(str(target)) as reader:
        again = next(reader.decode(video=0))
    bits = again.format.components[0].bits
    means = [flat_samples(plane, bits).mean() / 2 ** (bits - 8) for plane in again.planes[:3]]
    assert means == pytest.approx([141, 118, 137], abs=0.3)
    (seen,) = read_video(FileClip(str(target)))
    assert torch.allclose(seen.mean((0, 1, 2)), torch.tensor(meant(frame, BT709, LIMITED)[0, 0]).float(), atol=2e-3)
