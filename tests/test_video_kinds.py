"""Videos of every kind: encoders without CRF, sizes, colours, and what a film says beside its pictures and sound."""

from fractions import Fraction

import numpy as np
import pytest
import torch
from realdenoise.cli import main
from realdenoise.imaging.clip import FileClip, FrameClip
from realdenoise.imaging.files import PictureError
from realdenoise.imaging.video import convert_video, write_video
from realdenoise.imaging.video_encoder import Encoding
from realdenoise.imaging.video_reader import read_video

av = pytest.importorskip("av")
RATE = Fraction(25)


def smooth(height: int = 48, width: int = 64, channels: int = 3) -> torch.Tensor:
    """[H,W,C], far from gray, without edges that a codec would have to give up."""
    coarse = torch.rand(1, channels, 3, 4, generator=torch.Generator().manual_seed(1))
    grown = torch.nn.functional.interpolate(coarse, (height, width), mode="bicubic", align_corners=True)
    return grown[0].permute(1, 2, 0).clamp(0.05, 0.95)


def seen(path) -> torch.Tensor:
    """[B,H,W,3]"""
    return torch.cat(list(read_video(FileClip(str(path)))))


def unchanged(image: torch.Tensor) -> torch.Tensor:
    return image


@pytest.mark.parametrize(
    ("codec", "suffix"),
    [("mpeg4", ".avi"), ("mpeg4", ".mp4"), ("mjpeg", ".avi"), ("mjpeg", ".mov"), ("prores_ks", ".mov")],
)
@pytest.mark.parametrize("converted", [False, True])
def test_encoders_without_crf_follow_the_quality(tmp_path, codec, suffix, converted):
    if codec not in av.codecs_available:
        pytest.skip(f"this FFmpeg has no {codec}")
    noisy = (smooth() + 0.05 * torch.randn(48, 64, 3, generator=torch.Generator().manual_seed(2))).clamp(0, 1)
    source = FrameClip(noisy[None].repeat(3, 1, 1, 1), RATE)
    if converted:
        write_video(iter(source.images), tmp_path / "in.mkv", RATE, encoding=Encoding("ffv1"))
        source = FileClip(str(tmp_path / "in.mkv"))
    sizes = []
    for quality in (10, 28):
        target = tmp_path / f"{quality}{suffix}"
        assert convert_video(source, target, unchanged, codec=codec, quality=quality) == 3
        sizes.append(target.stat().st_size)
    assert sizes[1] < 0.9 * sizes[0]
    if codec != "mpeg4":  # which cannot say its matrix in these files
        assert (seen(tmp_path / f"10{suffix}").mean((0, 1, 2)) - noisy.mean((0, 1))).abs().max() < 0.02


@pytest.mark.parametrize("codec", ["libx264", "libx265"])
@pytest.mark.parametrize("size", [(48, 63), (47, 64)])
def test_an_odd_size_that_the_codec_does_not_take(tmp_path, codec, size):
    if codec not in av.codecs_available:
        pytest.skip(f"this FFmpeg has no {codec}")
    with pytest.raises(
        PictureError, match=f"'{codec}' needs an even width and height.*{size[1]} by {size[0]}"
    ) as caught:
        write_video(iter([smooth(*size)]), tmp_path / "a.mp4", RATE, encoding=Encoding(codec))
    assert "ffv1" in str(caught.value) and not list(tmp_path.iterdir())


@pytest.mark.parametrize("codec, suffix", [(None, ".webm"), ("ffv1", ".mkv")])
def test_an_odd_size_where_it_is_sent_to(tmp_path, codec, suffix):
    target = tmp_path / f"a{suffix}"
    write_video(iter([smooth(47, 63)] * 2), target, RATE, encoding=Encoding(codec, 4))
    assert seen(target).shape == (2, 47, 63, 3)
    write_video(iter([smooth(46, 64)]), tmp_path / "b.mp4", RATE)  # half of this is odd, which does no harm


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_gray_frames_in_memory(tmp_path, suffix):
    frames = FrameClip(smooth(channels=1)[None].repeat(2, 1, 1, 1), RATE)
    assert convert_video(frames, tmp_path / f"a{suffix}", unchanged, quality=4) == 2
    assert (seen(tmp_path / f"a{suffix}") - frames.images).abs().mean() < 0.01
    with pytest.raises(PictureError, match="4 channels; give frames of RGB or gray"):
        write_video(iter([smooth(channels=4)]), tmp_path / f"b{suffix}", RATE)


@pytest.mark.parametrize("layout", ["bgr0", "gbrp"])
def test_a_source_in_rgb_becomes_a_stream_that_says_its_matrix(tmp_path, layout):
    codec = "ffv1" if layout == "bgr0" else "libx265"
    if codec not in av.codecs_available:
        pytest.skip(f"this FFmpeg has no {codec}")
    with av.open(str(tmp_path / "a.mkv"), "w") as writer:
        track = writer.add_stream(codec, rate=25)
        track.width, track.height, track.pix_fmt = 64, 48, layout
        track.codec_context.colorspace = 0
        pixels = (smooth() * 255).round().byte().numpy()
        frame = av.VideoFrame.from_ndarray(pixels, format="rgb24").reformat(format=layout)
        frame.pts = 0
        writer.mux([*track.encode(frame), *track.encode(None)])
    convert_video(FileClip(str(tmp_path / "a.mkv")), tmp_path / "b.mp4", unchanged, quality=2)
    with av.open(str(tmp_path / "b.mp4")) as reader:
        context = reader.streams.video[0].codec_context
        assert (context.pix_fmt, context.colorspace, context.color_range) == ("yuv420p", 1, 1)
    assert (seen(tmp_path / "b.mp4").mean((0, 1, 2)) - smooth().mean((0, 1))).abs().max() < 0.01


def film(path, subtitles: str) -> None:
    """Ten frames, a title, a language, two chapters if PyAV writes them, and subtitles at 0 and 0.2 seconds."""
    text = path.with_suffix(".srt")
    text.write_text("1\n00:00:00,000 --> 00:00:00,100\nHello\n\n2\n00:00:00,200 --> 00:00:00,300\nWorld\n")
    with av.open(str(path), "w") as writer, av.open(str(text)) as words:
        video = writer.add_stream("libx264", rate=25)
        video.width, video.height, video.pix_fmt = 64, 48, "yuv420p"
        video.metadata["language"] = "ita"
        writer.metadata.update({"title": "Aida", "comment": "live"})
        if hasattr(writer, "set_chapters"):
            part = {"time_base": Fraction(1, 1000), "metadata": {"title": "one"}}
            writer.set_chapters(
                [{"id": 1, "start": 0, "end": 200, **part}, {"id": 2, "start": 200, "end": 400, **part}]
            )
        track = writer.add_stream_from_template(words.streams[0]) if subtitles == "subrip" else None
        if track is not None:
            track.metadata["language"] = "deu"
        for index in range(10):
            frame = av.VideoFrame.from_ndarray(np.full((48, 64, 3), 20 * index, np.uint8), format="rgb24")
            frame.pts = index
            writer.mux(video.encode(frame))
        writer.mux(video.encode(None))
        for packet in words.demux(words.streams[0]) if track is not None else ():
            if packet.dts is not None:
                packet.stream = track
                writer.mux(packet)


@pytest.mark.parametrize(
    ("source", "target", "lines"),
    [
        ("a.mkv", "b.mkv", [(0.0, b"Hello"), (0.2, b"World")]),
        ("a.mkv", "b.mp4", []),  # these subtitles would have to be converted
        ("a.mp4", "b.mkv", []),
    ],
)
def test_words_chapters_and_subtitles_go_along(tmp_path, source, target, lines):
    film(tmp_path / source, "subrip" if source == "a.mkv" else "")
    convert_video(FileClip(str(tmp_path / source)), tmp_path / target, unchanged)
    with av.open(str(tmp_path / target)) as reader:
        said = {key.lower(): words for key, words in reader.metadata.items()}
        assert (said["title"], said["comment"]) == ("Aida", "live")
        assert reader.streams.video[0].metadata["language"] == "ita"
        if hasattr(reader, "chapters"):
            assert [(c["start"] * c["time_base"], c["metadata"]["title"]) for c in reader.chapters()] == [
                (0, "one"),
                (Fraction(1, 5), "one"),
            ]
        tracks = reader.streams.subtitles
        assert [track.metadata["language"] for track in tracks] == ["deu"] * bool(lines)
        packets = [packet for packet in reader.demux(*tracks) if packet.size] if tracks else []
        assert [(float(packet.pts * packet.time_base), bytes(packet)) for packet in packets] == lines


def test_what_is_left_out_is_named(tmp_path, capsys):
    film(tmp_path / "a.mkv", "subrip")
    for target, said in (("b.mkv", []), ("b.mp4", ["a subtitle (subrip) track"])):
        told: list[str] = []
        convert_video(FileClip(str(tmp_path / "a.mkv")), tmp_path / target, unchanged, on_left_out=told.append)
        assert told == said
    words = ["denoise", str(tmp_path / "a.mkv"), "-o", str(tmp_path / "c.mp4"), "--denoiser", "heat", "--sigma", "5"]
    assert main(words) == 0
    assert "a.mkv: left out: a subtitle (subrip) track" in capsys.readouterr().err


def test_transparency_is_named_when_it_is_left_out(tmp_path):
    with av.open(str(tmp_path / "a.mkv"), "w") as writer:
        track = writer.add_stream("ffv1", rate=25)
        track.width, track.height, track.pix_fmt = 64, 48, "yuva420p"
        writer.mux([*track.encode(av.VideoFrame(64, 48, "yuva420p")), *track.encode(None)])
    told: list[str] = []
    convert_video(FileClip(str(tmp_path / "a.mkv")), tmp_path / "b.mp4", unchanged, on_left_out=told.append)
    assert told == ["transparency"]


def test_a_part_keeps_its_subtitles_in_their_places_and_no_chapters(tmp_path):
    film(tmp_path / "a.mkv", "subrip")
    convert_video(FileClip(str(tmp_path / "a.mkv"), window=(0.12, 0.2)), tmp_path / "b.mkv", unchanged)
    with av.open(str(tmp_path / "b.mkv")) as reader:
        assert not hasattr(reader, "chapters") or not reader.chapters()
        packets = [packet for packet in reader.demux(subtitles=0) if packet.size]
        found = [(float(packet.pts * packet.time_base), bytes(packet)) for packet in packets]
    assert found == [(pytest.approx(0.08, abs=1e-3), b"World")]


def test_a_fine_clock_for_mpeg4(tmp_path):
    """90 kHz, as in broadcasts."""
    with av.open(str(tmp_path / "a.ts"), "w", format="mpegts") as writer:
        track = writer.add_stream("mpeg2video", rate=24)
        track.width, track.height, track.pix_fmt = 64, 48, "yuv420p"
        for index in range(4):
            frame = av.VideoFrame.from_ndarray((smooth() * 255).byte().numpy(), format="rgb24")
            frame.pts = index
            writer.mux(track.encode(frame))
        writer.mux(track.encode(None))
    assert convert_video(FileClip(str(tmp_path / "a.ts")), tmp_path / "b.avi", unchanged, codec="mpeg4") == 4
    assert convert_video(FileClip(str(tmp_path / "a.ts")), tmp_path / "b.mp4", unchanged, codec="mpeg4") == 4
    with av.open(str(tmp_path / "b.mp4")) as reader:
        times = sorted(float(frame.pts * frame.time_base) for frame in reader.decode(video=0))
    assert np.diff(times) == pytest.approx([1 / 24] * 3, abs=1e-4)


def test_a_codec_that_the_container_does_not_take(tmp_path):
    with pytest.raises(PictureError, match="webm file cannot hold what codec 'mpeg4' makes; choose"):
        write_video(iter([smooth()]), tmp_path / "a.webm", RATE, encoding=Encoding("mpeg4"))
    assert not list(tmp_path.iterdir())


def test_the_command_takes_codecs_without_crf(tmp_path):
    write_video(iter([smooth()] * 2), tmp_path / "a.mp4", RATE)
    words = ["denoise", str(tmp_path / "a.mp4"), "-o", str(tmp_path / "b.avi"), "--denoiser", "heat", "--sigma", "5"]
    assert main([*words, "--codec", "mpeg4", "--crf", "20"]) == 0


def test_the_film_of_a_camcorder_becomes_an_mp4(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_video([torch.rand(32, 48, 3) for _ in range(3)], "own.mp4", RATE)
    with av.open("own.mp4") as own, av.open("00001.MTS", "w", format="mpegts") as film:
        track = film.add_stream_from_template(own.streams.video[0])
        for packet in own.demux():
            if packet.dts is not None:
                packet.stream = track
                film.mux(packet)
    assert main(["denoise", "00001.MTS", "-o", "out/", "--denoiser", "heat", "--sigma", "5"]) == 0
    assert main(["denoise", "00001.MTS", "-o", "b.mkv", "--denoiser", "heat", "--sigma", "5"]) == 0
    assert main(["denoise", "00001.MTS", "-o", "b.mts", "--denoiser", "heat", "--sigma", "5"]) == 2
    for made in ("out/00001.mp4", "b.mkv"):
        with av.open(made) as film:
            assert len(list(film.decode(video=0))) == 3
