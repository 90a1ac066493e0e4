"""Video nodes: VIDEO in, VIDEO out, with ComfyUI's types and without ComfyUI."""

import json
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch
from node_calls import Darker
from realdenoise import clips, denoise_video, host, host_video
from realdenoise.cli import main
from realdenoise.headless.core_video import CreateVideo, GetVideoComponents, LoadVideo, SaveVideo
from realdenoise.headless.graph import WorkflowError
from realdenoise.headless.run import run_workflow
from realdenoise.imaging.clip import FileClip, FrameClip
from realdenoise.imaging.video import write_video
from realdenoise.imaging.video_encoder import Encoding
from realdenoise.imaging.video_reader import read_video
from realdenoise.monitor import Monitor
from realdenoise.nodes import NODE_CLASS_MAPPINGS
from realdenoise.nodes.video import FORMATS

av = pytest.importorskip("av")
DenoiseVideo, SampleClip, VideoMeter = (
    NODE_CLASS_MAPPINGS[f"RealDenoise{name}"] for name in ("DenoiseVideo", "SampleClip", "VideoMeter")
)
WORKFLOW = Path(__file__).resolve().parents[1] / "workflows/denoise_video.json"


@pytest.fixture(autouse=True)
def folders(tmp_path, monkeypatch):
    places = {name: tmp_path / name for name in ("input", "output", "temp")}
    monkeypatch.setattr(host, "_plain_folders", places)
    (tmp_path / "input").mkdir()
    write_video(iter(ramp()), tmp_path / "input/a.mp4", Fraction(24000, 1001), encoding=Encoding(quality=2))


def ramp(count: int = 5) -> torch.Tensor:
    """Frames [B,32,48,3] that get brighter."""
    return torch.linspace(0.2, 0.8, count).view(-1, 1, 1, 1).expand(-1, 32, 48, 3).contiguous()


def run(**changes):
    given = {
        "denoiser": Darker(),
        "video": FileClip(str(host.folder("input") / "a.mp4")),
        "sigma": 10.0,
        "strength": 1.0,
    }
    given |= {"temporal": 0.0, "format": "MP4, H.264", "quality": 4}
    return DenoiseVideo().denoise(**(given | changes))


def frames(video) -> torch.Tensor:
    return torch.cat(list(read_video(host_video.clip_of(video))))


@pytest.mark.parametrize("format", FORMATS)
def test_every_format_gives_a_video_of_the_same_length(format):
    suffix, codec = FORMATS[format]
    if codec not in av.codecs_available:
        pytest.skip(f"this FFmpeg has no {codec}")
    video, report = run(format=format)["result"]
    assert str(video.source).endswith(suffix)
    assert (frames(video) - 0.9 * ramp()).abs().mean() < 0.012
    assert "5 frames" in report and "sigma 10" in report and format in report


def test_strength_blends_the_input_back_in():
    video, _ = run(strength=0.5)["result"]
    assert (frames(video) - 0.95 * ramp()).abs().mean() < 0.012


def test_frames_in_memory_are_taken_as_they_are():
    video, _ = run(video=FrameClip(ramp(3), Fraction(12)), format="MKV, FFV1 (lossless)")["result"]
    assert (frames(video) - 0.9 * ramp(3)).abs().max() < 0.012


def test_cancelling_leaves_no_file(monkeypatch):
    class CancelledError(Exception):
        pass

    seen = []

    def check():
        seen.append(1)
        if len(seen) > 6:
            raise CancelledError

    monkeypatch.setattr(host, "monitor", lambda node_id=None: Monitor(None, check))
    with pytest.raises(CancelledError):
        run()
    assert list(host.folder("temp").iterdir()) == []


def test_progress_goes_up_to_one_and_shows_frames(tmp_path):
    told = []
    monitor = Monitor(lambda fraction, preview: told.append((fraction, tuple(preview.shape))))
    assert denoise_video(tmp_path / "input/a.mp4", tmp_path / "b.mp4", Darker(), sigma=0.1, monitor=monitor) == 5
    assert [fraction for fraction, _ in told] == pytest.approx([0.2, 0.4, 0.6, 0.8, 1.0])
    assert {shape for _, shape in told} == {(1, 3, 32, 48)}


def test_the_measured_level_is_the_mean_so_far(tmp_path, monkeypatch):
    levels, told = iter([0.1, 0.2, 0.3, 0.4, 0.5]), []
    monkeypatch.setattr(clips, "estimate_sigma", lambda image: torch.tensor([next(levels)]))

    class Listens(Darker):
        def __call__(self, image, level=None, monitor=None):
            told.append(float(level.sigma))
            return image

    denoise_video(tmp_path / "input/a.mp4", tmp_path / "b.mp4", Listens())
    assert told == pytest.approx([0.1, 0.15, 0.2, 0.25, 0.3])


@pytest.mark.parametrize(
    "changes, message",
    [
        ({"denoiser": 3}, "must come from a node like Load Denoiser"),
        ({"video": torch.zeros(1, 2, 2, 3)}, "must come from a node like Load Video"),
        ({"format": "GIF"}, "format is 'GIF'; choose one of"),
        ({"strength": 2.0}, "strength is 2.0; give a number from 0 to 1"),
        ({"temporal": 1.0}, "temporal is 1.0; give a number from 0 to 0.95"),
        ({"video": FileClip("input/none.mp4")}, "none.mp4"),
    ],
)
def test_what_cannot_be_denoised_is_refused_in_words(changes, message):
    with pytest.raises((TypeError, ValueError, OSError), match=message):
        run(**changes)
    assert list(host.folder("temp").iterdir()) == []


class Cut:
    """ComfyUI's VIDEO of a file, cut by a node."""

    def get_stream_source(self):
        return str(host.folder("input") / "a.mp4")

    def get_active_trim_window(self):
        return 0.08, 0.1


def test_a_clip_that_comfyui_has_cut_stays_cut():
    video, report = run(video=Cut())["result"]
    assert "3 frames" in report
    assert (frames(video) - 0.9 * ramp()[2:]).abs().mean() < 0.012


def test_the_sample_clip_is_noisy_and_the_same_every_time():
    noisy, clean, credit = SampleClip().open("coffee", 6400, 3)["result"]
    first = frames(noisy)
    assert first.shape == frames(clean).shape == (3, 240, 320, 3) and "CC0" in credit
    psnr = -10 * torch.log10((first - frames(clean)).square().mean())
    assert 24 < psnr < 30
    assert (frames(clean)[1] - frames(clean)[0]).abs().mean() > 0.005  # it moves
    again = frames(SampleClip().open("coffee", 6400, 3)["result"][0])
    assert (again - first).abs().mean() < 0.003  # an encoder need not give the same bytes twice
    silent = SampleClip().open("coffee", 0, 3)["result"]
    assert (frames(silent[0]) - frames(silent[1])).abs().mean() < 0.003


@pytest.mark.parametrize("picture", ["coffee", "cat", "astronaut", "rocket"])
def test_the_camera_never_leaves_the_photograph(picture):
    from realdenoise.imaging.sample_clip import clip_frames

    *_, last = clip_frames(picture, 45)  # there and half the way back
    border = last[0, :, [0, 1, -2, -1]] - last[0, :, [1, 2, -3, -2]]
    assert border.abs().sum(dim=(0, 2)).min() > 0  # a photograph that has ended repeats its last column


def test_the_disc_comes_and_goes_at_the_edge(monkeypatch):
    """White on black it is never more than a strip larger or smaller than in the frame before."""
    from realdenoise.imaging import sample_clip

    monkeypatch.setattr(sample_clip, "load_sample", lambda name: torch.full((1, 400, 500, 3), float(name != "coffee")))
    lit = torch.stack([frame[..., 0].sum() for frame in sample_clip.clip_frames("coffee", 60)])
    assert lit.min() < 100 and (lit[1:] - lit[:-1]).abs().max() < 2.1 * sample_clip.RADIUS * sample_clip.CROSSING


def test_the_meter_tells_error_from_flicker():
    truth = FrameClip(ramp(4), Fraction(12))
    constant = VideoMeter().measure(FrameClip(ramp(4) + 0.1, Fraction(12)), truth)["result"]
    assert constant[0] == pytest.approx(0, abs=1e-4) and constant[1] == pytest.approx(20, abs=1e-3)
    restless = ramp(4)
    restless[1] += 0.1
    flicker, mean, worst, report = VideoMeter().measure(FrameClip(restless, Fraction(12)), truth, truth)["result"]
    assert flicker == pytest.approx(255 * 0.2 / 3, rel=1e-3)
    assert worst == pytest.approx(20, abs=1e-3) and mean == worst  # the other frames are without error
    assert len(report.splitlines()) == 2
    alone = VideoMeter().measure(truth)["result"]
    assert alone[1] != alone[1] and "PSNR" not in alone[3]


def test_frames_without_error_leave_the_mean_finite():
    truth, image = FrameClip(ramp(4), Fraction(12)), ramp(4)
    image[1] += 0.1
    image[2] += 0.01
    _, mean, worst, report = VideoMeter().measure(FrameClip(image, Fraction(12)), truth)["result"]
    assert (mean, worst) == pytest.approx((30, 20), abs=1e-2) and "PSNR 30.0" in report
    _, mean, worst, _ = VideoMeter().measure(truth, truth)["result"]
    assert mean == worst == float("inf")


def test_clips_that_do_not_belong_together_are_refused():
    with pytest.raises(ValueError, match="different numbers of frames"):
        VideoMeter().measure(FrameClip(ramp(3), Fraction(12)), FrameClip(ramp(4), Fraction(12)))
    with pytest.raises(ValueError, match="two versions of the same clip"):
        VideoMeter().measure(FrameClip(ramp(3), Fraction(12)), FrameClip(ramp(3)[:, :16], Fraction(12)))


def test_core_nodes_without_comfyui(tmp_path):
    (video,) = LoadVideo().load("a.mp4")
    images, audio, rate = GetVideoComponents().split(video)
    assert images.shape == (5, 32, 48, 3) and audio is None and rate == pytest.approx(24000 / 1001)
    (again,) = CreateVideo().create(images, 12.0)
    for number, clip in enumerate((video, again), start=1):
        (saved,) = SaveVideo().save(clip, "sub/v", "auto", "auto")["ui"]["files"]
        assert saved.endswith(f"v_0000{number}_.mp4")
        assert (frames(FileClip(saved)) - images).abs().mean() < 0.01
    assert (tmp_path / "output/sub/v_00001_.mp4").read_bytes() == (tmp_path / "input/a.mp4").read_bytes()
    with pytest.raises(WorkflowError, match="does not exist"):
        LoadVideo().load("none.mp4")


def test_sound_of_whole_numbers_comes_as_floats_by_channel(tmp_path):
    """As cameras write it into MOV: PCM of 16 bits, left and right taking turns."""
    sound = np.stack([0.5 * np.sin(np.arange(4000) / 9), 0.25 * np.cos(np.arange(4000) / 7)])
    with av.open(str(tmp_path / "a.mov"), "w") as writer:
        pictures = writer.add_stream("libx264", rate=10)
        pictures.width, pictures.height, pictures.pix_fmt = 48, 32, "yuv420p"
        track = writer.add_stream("pcm_s16le", rate=8000, layout="stereo")
        levels = (sound * 32767).round().astype(np.int16).T.reshape(1, -1)
        frame = av.AudioFrame.from_ndarray(levels, format="s16", layout="stereo")
        frame.sample_rate = 8000
        picture = av.VideoFrame.from_ndarray(np.zeros((32, 48, 3), np.uint8))
        for stream, content in ((pictures, picture), (track, frame)):
            writer.mux([*stream.encode(content), *stream.encode(None)])
    _, audio, _ = GetVideoComponents().split(FileClip(str(tmp_path / "a.mov")))
    assert audio["sample_rate"] == 8000 and audio["waveform"].dtype == torch.float32
    assert np.abs(audio["waveform"][0].numpy() - sound).max() < 1e-4


def quick(path: Path) -> Path:
    """The shipped workflow with a denoiser that takes no time."""
    content = json.loads(WORKFLOW.read_text(encoding="utf-8"))
    for node in content["nodes"]:
        if node["type"] == "RealDenoiseLoadDenoiser":
            node["type"], node["widgets_values"] = "RealDenoiseClassicalDenoiser", []
    path.write_text(json.dumps(content))
    return path


def test_the_workflow_runs_and_calms_the_clip(tmp_path):
    settings = ["Sample Clip.frames=4", "Denoise Video.sigma=20"]
    outcome = run_workflow(quick(tmp_path / "w.json"), output=tmp_path / "out", settings=settings)
    (saved,) = (tmp_path / "out").rglob("*.mp4")
    assert frames(FileClip(str(saved))).shape == (4, 240, 320, 3)
    after, before = outcome.shown["7"]["text"][0].splitlines()
    numbers = [float(line.split("flicker ")[1].split()[0]) for line in (after, before)]
    decibels = [float(line.split("PSNR ")[1].split()[0]) for line in (after, before)]
    assert numbers[0] < 0.6 * numbers[1] and decibels[0] > decibels[1] + 2


def test_the_users_clip_takes_the_samples_place(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    words = ["run", str(quick(tmp_path / "w.json")), "--input", "input/a.mp4", "--output", "out"]
    assert main([*words, "--set", "Denoise Video.sigma=5"]) == 0
    assert "a.mp4 has no clean twin" in capsys.readouterr().out
    (saved,) = (tmp_path / "out").rglob("*.mp4")
    assert (frames(FileClip(str(saved))) - ramp()).abs().mean() < 0.02
    assert main(["run", "w.json", "--input", "input/none.mp4"]) == 1
