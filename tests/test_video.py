"""Video files: sound and timing as they were, memory that does not grow."""

import weakref
from fractions import Fraction
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from realdenoise.cli import main
from realdenoise.imaging.clip import FileClip, FrameClip
from realdenoise.imaging.files import PictureError
from realdenoise.imaging.video import convert_video, write_video
from realdenoise.imaging.video_encoder import Encoding
from realdenoise.imaging.video_reader import Timeline, read_video

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


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".avi"])
@pytest.mark.parametrize("turns", [0, 1, 2])
def test_pixels_keep_their_shape(tmp_path, suffix, turns):
    with av.open(str(tmp_path / "a.mp4"), "w") as writer:
        video = writer.add_stream("libx264", rate=25)
        video.width, video.height, video.pix_fmt = *SIZE, "yuv420p"
        video.codec_context.sample_aspect_ratio = Fraction(4, 3)
        if turns:
            if not hasattr(video, "set_display_rotation"):
                pytest.skip("this PyAV cannot write a turned clip")
            video.set_display_rotation(90 * turns)
        writer.mux(video.encode(av.VideoFrame.from_ndarray(pattern(), format="rgb24")))
        writer.mux(video.encode(None))
    convert_video(tmp_path / "a.mp4", tmp_path / f"b{suffix}", lambda image: image)
    with av.open(str(tmp_path / f"b{suffix}")) as reader:
        video = reader.streams.video[0]
        assert (video.width, video.height) == (SIZE[::-1] if turns % 2 else SIZE)
        assert video.sample_aspect_ratio == (Fraction(3, 4) if turns % 2 else Fraction(4, 3))


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
    with pytest.raises(PictureError) as caught:
        convert_video(tmp_path / "a.mp4", target, lambda image: image, codec=codec)
    assert "Errno" not in str(caught.value) and ".part" not in str(caught.value)
    assert [path.name for path in tmp_path.iterdir()] == ["a.mp4"]


def test_the_command(tmp_path):
    noisy = np.clip(pattern() + np.random.default_rng(0).normal(0, 10, (64, 96, 3)), 0, 255).astype(np.uint8)
    clip(tmp_path / "a.mp4", pixels=noisy)
    words = ["denoise", str(tmp_path / "a.mp4"), "-o", str(tmp_path / "b.mp4"), "--denoiser", "heat", "--sigma", "10"]
    assert main([*words, "--temporal", "--crf", "6"]) == 0
    error = [np.abs(read(tmp_path / name)[0].astype(float) - pattern()).mean() for name in ("a.mp4", "b.mp4")]
    assert error[1] < 0.8 * error[0]
    assert main(words) == 1  # it exists


def test_a_longer_clip_holds_no_more_frames_in_memory(tmp_path):
    alive = {}
    for count in (20, 200):
        clip(tmp_path / f"{count}.mp4", frames=count, sound=False)
        seen, most = [], 0

        def change(image, seen=seen):
            nonlocal most
            result = image * 0.9
            seen += [weakref.ref(image), weakref.ref(result)]
            most = max(most, sum(entry() is not None for entry in seen))
            return result

        assert convert_video(tmp_path / f"{count}.mp4", tmp_path / "b.mp4", change) == count
        alive[count] = most
    assert alive[200] == alive[20] <= 4


def tone(path, codec: str, seconds: float = 1.0) -> None:
    """A clip of gray frames with a sound of 441 Hz."""
    with av.open(str(path), "w") as writer:
        video = writer.add_stream("libx264", rate=10)
        video.width, video.height, video.pix_fmt = 32, 32, "yuv420p"
        audio = writer.add_stream(codec, rate=44100, layout="mono")
        for index in range(round(10 * seconds)):
            frame = av.VideoFrame.from_ndarray(np.full((32, 32, 3), 20 * (index % 10), np.uint8), format="rgb24")
            frame.pts = index
            writer.mux(video.encode(frame))
        writer.mux(video.encode(None))
        wave = np.sin(2 * np.pi * 441 * np.arange(round(44100 * seconds)) / 44100)
        for start in range(0, len(wave), 1024):
            part = (wave[start : start + 1024] * 16000).astype(np.int16)[None]
            sound = av.AudioFrame.from_ndarray(part, format="s16", layout="mono")
            sound.sample_rate, sound.pts = 44100, start
            writer.mux(audio.encode(sound))
        writer.mux(audio.encode(None))


def heard(path) -> tuple[float, float, str]:
    """Seconds of sound, its strongest frequency in hertz, and the codec."""
    with av.open(str(path)) as reader:
        stream = reader.streams.audio[0]
        resampler = av.AudioResampler(format="flt", layout="mono", rate=stream.rate)
        parts = [part.to_ndarray()[0] for frame in reader.decode(stream) for part in resampler.resample(frame)]
        wave, rate, name = np.concatenate(parts), stream.rate, stream.codec.canonical_name
    return len(wave) / rate, np.abs(np.fft.rfft(wave)).argmax() * rate / len(wave), name


@pytest.mark.parametrize("target, codec", [("b.webm", "opus"), ("b.mkv", "pcm_s16le"), ("b.mov", "pcm_s16le")])
def test_sound_that_the_container_cannot_hold_is_converted(tmp_path, target, codec):
    tone(tmp_path / "a.mkv", "pcm_s16le")
    convert_video(tmp_path / "a.mkv", tmp_path / target, lambda image: image)
    seconds, frequency, name = heard(tmp_path / target)
    assert name == codec
    assert seconds == pytest.approx(1.0, abs=0.05) and frequency == pytest.approx(441, abs=3)


def test_only_the_part_that_is_wanted(tmp_path):
    tone(tmp_path / "a.mkv", "pcm_s16le", seconds=3)
    part = FileClip(str(tmp_path / "a.mkv"), window=(1.0, 0.5))
    assert convert_video(part, tmp_path / "b.mkv", lambda image: image, quality=1) == 5
    with av.open(str(tmp_path / "b.mkv")) as reader:
        times = [float(frame.pts * frame.time_base) for frame in reader.decode(video=0)]
    assert times == pytest.approx([0, 0.1, 0.2, 0.3, 0.4], abs=2e-3)
    assert heard(tmp_path / "b.mkv")[0] == pytest.approx(0.5, abs=0.05)
    kept = torch.stack([frame.mean() for frame in read_video(FileClip(str(tmp_path / "b.mkv")))])
    wanted = torch.stack([frame.mean() for frame in read_video(part)])
    assert torch.allclose(kept, wanted, atol=0.02) and len(wanted) == 5
    with pytest.raises(PictureError, match="no frame behind second 9"):
        convert_video(FileClip(str(tmp_path / "a.mkv"), window=(9.0, 1.0)), tmp_path / "c.mkv", lambda image: image)


def steps(count: int) -> torch.Tensor:
    """Gray frames [B,64,96,3], each brighter than the one before, with a bar that moves."""
    images = torch.linspace(0.1, 0.9, count).view(-1, 1, 1, 1).repeat(1, 64, 96, 3)
    for index, image in enumerate(images):
        image[:32, 4 * index : 4 * index + 8] = 1
    return images


def grays(path) -> torch.Tensor:
    """[B], below the bar of `steps`."""
    return torch.cat(list(read_video(FileClip(str(path)))))[:, 40:].mean(dim=(1, 2, 3))


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".webm", ".avi"])
def test_an_avi_which_stores_no_display_times(tmp_path, suffix):
    own, target = tmp_path / "own.avi", tmp_path / f"b{suffix}"
    wave = {"waveform": torch.zeros(1, 1, 44100), "sample_rate": 44100}
    write_video(steps(20), own, RATE, audio=wave, encoding=Encoding(quality=4))
    stored = read(own)[1]
    assert stored != sorted(stored)  # else no frame of it is stored out of order
    assert convert_video(own, target, lambda image: image, quality=4) == 20
    assert (grays(target) - torch.linspace(0.1, 0.9, 20)).abs().max() < 0.015  # 0.04 from one to the next
    times = np.array(sorted(float(time) for time in read(target)[1]))
    assert np.diff(times) == pytest.approx([float(1 / RATE)] * 19, abs=1.1e-3)
    assert times[-1] - times[0] == pytest.approx(float(19 / RATE), abs=1.1e-3)
    assert times[0] == pytest.approx(0, abs=1e-3 if suffix != ".avi" else float(1 / RATE))  # it stays with the sound


def test_an_avi_whose_rate_is_a_mere_clock(tmp_path):
    """FFmpeg writes 600 ticks per second when it is given the fine clock of an MP4."""
    write_video(steps(20), tmp_path / "a.mp4", RATE, encoding=Encoding(quality=4))
    convert_video(tmp_path / "a.mp4", tmp_path / "b.avi", lambda image: image, quality=4)
    assert convert_video(tmp_path / "b.avi", tmp_path / "c.mp4", lambda image: image, quality=4) == 20
    times = [float(time) for time in read(tmp_path / "c.mp4")[1]]
    assert times == pytest.approx([float(index / RATE) for index in range(20)], abs=2 / 600)


def test_times_that_do_not_rise_go_on_by_one_frame():
    video = SimpleNamespace(start_time=7, average_rate=Fraction(25), time_base=Fraction(1, 1000))
    reader = SimpleNamespace(streams=SimpleNamespace(video=[video]), format=SimpleNamespace(name="matroska,webm"))
    timeline = Timeline(reader)
    frames = [SimpleNamespace(pts=pts, dts=None) for pts in (None, 50, 50, 49, None, 200)]
    assert [timeline.dated(frame).pts for frame in frames] == [7, 50, 90, 130, 170, 200]


def test_a_part_of_an_avi(tmp_path):
    write_video(steps(20), tmp_path / "own.avi", Fraction(10), encoding=Encoding(quality=4))
    part = FileClip(str(tmp_path / "own.avi"), window=(0.5, 1.0))
    assert convert_video(part, tmp_path / "b.mp4", lambda image: image, quality=4) == 10
    wanted = torch.linspace(0.1, 0.9, 20)[5:15]
    for clip in (part, FileClip(str(tmp_path / "b.mp4"))):
        assert (torch.cat(list(read_video(clip)))[:, 40:].mean(dim=(1, 2, 3)) - wanted).abs().max() < 0.015
    times = [float(time) for time in read(tmp_path / "b.mp4")[1]]
    assert times == pytest.approx([0.1 * index for index in range(10)], abs=1e-4)


@pytest.mark.parametrize("codec, suffix", [("libsvtav1", ".mp4"), ("libvpx-vp9", ".webm"), ("ffv1", ".mkv")])
def test_frames_in_memory_become_a_file(tmp_path, codec, suffix):
    if codec not in av.codecs_available:
        pytest.skip(f"this FFmpeg has no {codec}")
    images = torch.from_numpy(pattern() / np.float32(255))[None] * torch.linspace(0.5, 1, 4).view(-1, 1, 1, 1)
    wave = torch.sin(2 * np.pi * 441 * torch.arange(44100) / 44100).expand(1, 2, -1)
    frames = FrameClip(images, Fraction(24000, 1001), {"waveform": wave, "sample_rate": 44100})
    target = tmp_path / f"a{suffix}"
    assert convert_video(frames, target, lambda image: image * 0.5, codec=codec, quality=4) == 4
    again = torch.cat(list(read_video(FileClip(str(target)))))
    assert (again - 0.5 * images).abs().mean() < (0.002 if codec == "ffv1" else 0.015)  # 4:2:0 halves the colours
    with av.open(str(target)) as reader:
        assert float(reader.streams.video[0].average_rate) == pytest.approx(24000 / 1001, rel=1e-3)
        assert reader.streams.video[0].codec.canonical_name == {"libsvtav1": "av1", "libvpx-vp9": "vp9"}.get(
            codec, codec
        )
    assert heard(target)[0] == pytest.approx(4 * 1001 / 24000, abs=0.05)  # sound ends with the pictures


def test_no_frames_make_no_file(tmp_path):
    with pytest.raises(PictureError, match="no frame"):
        write_video(iter(()), tmp_path / "a.mp4", Fraction(25), encoding=Encoding())
    assert list(tmp_path.iterdir()) == []
