"""Video: sound and timing as they were, memory that does not grow, and less flicker without loss."""

from fractions import Fraction

import numpy as np
import pytest
import torch
from realdenoise.cli import main
from realdenoise.imaging.files import PictureError
from realdenoise.imaging.motion import global_shift
from realdenoise.imaging.temporal import TemporalBlend
from realdenoise.imaging.video import convert_video

av = pytest.importorskip("av")
SIZE = (96, 64)
RATE = Fraction(30000, 1001)
BT709 = 1


def pattern() -> np.ndarray:
    coarse = torch.rand(1, 3, 8, 12, generator=torch.Generator().manual_seed(0))
    smooth = torch.nn.functional.interpolate(coarse, SIZE[::-1], mode="bicubic").clamp(0, 1)
    return (smooth[0].permute(1, 2, 0) * 255).round().byte().numpy()


def clip(path, frames: int = 6, sound: bool = True, pixels: np.ndarray | None = None) -> None:
    pixels = pattern() if pixels is None else pixels
    with av.open(str(path), "w") as writer:
        video = writer.add_stream("libx264", rate=RATE)
        video.width, video.height, video.pix_fmt, video.options = *SIZE, "yuv444p", {"crf": "4"}
        video.codec_context.colorspace, video.codec_context.color_range = BT709, 1
        audio = writer.add_stream("aac", rate=44100) if sound else None
        for index in range(frames):
            frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
            frame = frame.reformat(format="yuv444p", dst_colorspace=BT709, dst_color_range=1)
            frame.pts = index + (index > 2)  # one frame is shown twice as long
            writer.mux(video.encode(frame))
        writer.mux(video.encode(None))
        if audio is not None:
            for index in range(10):
                noise = np.random.default_rng(index).normal(0, 0.1, (1, 1024)).astype(np.float32)
                sample = av.AudioFrame.from_ndarray(noise, format="fltp", layout="mono")
                sample.sample_rate, sample.pts = 44100, 1024 * index
                writer.mux(audio.encode(sample))
            writer.mux(audio.encode(None))


def read(path) -> tuple[np.ndarray, list[Fraction], list[bytes]]:
    """Frames, their times, and the packets of the sound."""
    with av.open(str(path)) as reader:
        frames = list(reader.decode(video=0))
        pixels = np.stack([frame.to_ndarray(format="rgb24") for frame in frames])
        times = [frame.pts * frame.time_base for frame in frames]
    with av.open(str(path)) as reader:
        sound = [bytes(packet) for packet in reader.demux(audio=0) if packet.size] if reader.streams.audio else []
    return pixels, times, sound


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".mov"])
def test_colours_timing_and_sound_are_kept(tmp_path, suffix):
    clip(tmp_path / f"a{suffix}")
    assert convert_video(tmp_path / f"a{suffix}", tmp_path / f"b{suffix}", lambda image: image, quality=4) == 6
    before, times, sound = read(tmp_path / f"a{suffix}")
    after, new_times, new_sound = read(tmp_path / f"b{suffix}")
    assert [float(t) for t in new_times] == pytest.approx([float(t) for t in times], abs=1e-3)
    assert new_sound == sound and len(sound) > 5
    difference = after.astype(float) - before
    assert np.abs(difference).mean() < 1.5 and np.abs(difference.mean(axis=(0, 1, 2))).max() < 0.5


def test_frames_are_changed_one_at_a_time(tmp_path):
    clip(tmp_path / "a.mp4", sound=False)
    shapes = []

    def darker(image):
        shapes.append(tuple(image.shape))
        return image * 0.5

    convert_video(tmp_path / "a.mp4", tmp_path / "b.mp4", darker, quality=4)
    assert shapes == [(1, 64, 96, 3)] * 6
    assert read(tmp_path / "b.mp4")[0].mean() == pytest.approx(0.5 * read(tmp_path / "a.mp4")[0].mean(), rel=0.02)


@pytest.mark.parametrize("case", ["text", "sound only", "codec", "ending"])
def test_what_is_no_video_is_refused_and_nothing_is_left(tmp_path, case):
    clip(tmp_path / "a.mp4", frames=2)
    target, codec = tmp_path / "b.mp4", None
    if case == "text":
        (tmp_path / "a.mp4").write_text("no video")
    elif case == "sound only":
        with av.open(str(tmp_path / "a.mp4"), "w") as writer:
            audio = writer.add_stream("aac", rate=44100)
            silence = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
            silence.sample_rate = 44100
            writer.mux(audio.encode(silence))
            writer.mux(audio.encode(None))
    elif case == "codec":
        codec = "nobody"
    else:
        target = tmp_path / "b.txt"
    with pytest.raises(PictureError):
        convert_video(tmp_path / "a.mp4", target, lambda image: image, codec=codec)
    assert [path.name for path in tmp_path.iterdir()] == ["a.mp4"]


def test_the_command(tmp_path):
    noisy = np.clip(pattern() + np.random.default_rng(0).normal(0, 10, (64, 96, 3)), 0, 255).astype(np.uint8)
    clip(tmp_path / "a.mp4", pixels=noisy)
    words = ["denoise", str(tmp_path / "a.mp4"), "-o", str(tmp_path / "b.mp4"), "--denoiser", "heat", "--sigma", "10"]
    assert main([*words, "--temporal", "--crf", "6"]) == 0
    error = [np.abs(read(tmp_path / name)[0].astype(float) - pattern()).mean() for name in ("a.mp4", "b.mp4")]
    assert error[1] < 0.8 * error[0]
    assert main(words) == 1  # it exists


def scene(kind: str, frame: int) -> torch.Tensor:
    """A still background with a moving square, a pan, or a cut in the middle: [1,3,96,128]."""
    coarse = torch.rand(1, 3, 20, 28, generator=torch.Generator().manual_seed(3))
    wide = torch.nn.functional.interpolate(coarse, (120, 168), mode="bicubic").clamp(0, 1)
    left = 3 * frame if kind == "pan" else 0
    picture = wide[..., 10:106, left : left + 128].clone()
    if kind == "object":
        picture[..., 30:60, 10 + 5 * frame : 40 + 5 * frame] = torch.tensor([0.8, 0.2, 0.3]).view(3, 1, 1)
    return picture.flip(-1) if kind == "cut" and frame >= 4 else picture


def blur(image: torch.Tensor) -> torch.Tensor:
    """A denoiser that takes no time."""
    return torch.nn.functional.avg_pool2d(torch.nn.functional.pad(image, [1] * 4, mode="replicate"), 3, stride=1)


@pytest.mark.parametrize("sigma", [10, 25, 50])
@pytest.mark.parametrize("kind", ["object", "pan", "cut"])
def test_blending_over_time_lowers_flicker_and_no_frames_psnr(kind, sigma):
    blend, random = TemporalBlend(), torch.Generator().manual_seed(0)
    frames: list[tuple[torch.Tensor, ...]] = []
    for index in range(8):
        truth = scene(kind, index)
        noisy = truth + torch.randn(truth.shape, generator=random) * sigma / 255
        single = blur(noisy)
        frames.append((truth, single, blend(noisy, single)))
    for truth, single, blended in frames:
        assert (blended - truth).square().mean() <= 1.005 * (single - truth).square().mean()  # 0.02 dB
    flicker = [
        sum(float((b[i] - a[i] - (b[0] - a[0])).abs().mean()) for a, b in zip(frames, frames[1:], strict=False))
        for i in (1, 2)
    ]
    assert flicker[1] < 0.97 * flicker[0]


@pytest.mark.parametrize("shift", [(0, 0), (3, -5), (-7, 2)])
def test_pans_are_found(shift):
    picture = scene("object", 0)
    assert global_shift(picture, torch.roll(picture, shift, (-2, -1))) == shift


def test_a_clip_without_noise_is_left_alone():
    blend = TemporalBlend()
    for index in range(3):
        picture = torch.full((1, 3, 32, 32), 0.1 * index)
        assert torch.equal(blend(picture, picture), picture)
