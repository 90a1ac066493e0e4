"""Where results go and what is left alone: nobody's files, nor the results of a run before."""

import argparse
from pathlib import Path

import pytest
import torch
from cli_calls import QUICK, complaint, picture
from PIL import Image
from realdenoise.cli import _ray_engine, main
from realdenoise.cli._jobs import jobs
from realdenoise.cli._manifest import Manifest
from realdenoise.imaging.level import DenoiseError

pytestmark = pytest.mark.usefixtures("in_tmp_path")


@pytest.mark.parametrize("words", [["photos"], ["photos/**/*.png"], ["photos", "other.png"]])
def test_results_below_the_input_are_no_inputs_of_the_next_run(words):
    picture("photos/a.png", "photos/b/c.png", "other.png")
    for _ in range(2):
        assert main(["denoise", *words, "-o", "photos/clean", "--overwrite", *QUICK]) == 0
        assert not list(Path("photos/clean").rglob("clean"))
    made = {path.name for path in Path("photos/clean").rglob("*") if path.is_file()}
    assert made >= {"a.png", "c.png"}


@pytest.mark.parametrize("words", [["photos"], ["photos/*.png"], ["photos/a.png"]])
def test_results_may_still_take_the_place_of_their_inputs(words):
    picture("photos/a.png")
    (job,) = jobs(words, "photos", [".png"])
    assert job.source == job.target == Path("photos/a.png")


@pytest.mark.parametrize("output", ["o.bmp", "o.dng", "o.mp4", "o", "o.v2/"])
@pytest.mark.parametrize("source", ["a.png", "photos"])
def test_one_input_and_an_ending_that_is_no_format(capsys, monkeypatch, output, source):
    """It is said before a denoiser is loaded; a name that may be a folder's becomes a folder."""
    picture("a.png", "photos/a.png")
    opened = []
    monkeypatch.setattr("realdenoise.cli.denoise.open_denoiser", lambda args: opened.append(1) or (lambda *_: None))
    file = Path(output).suffix in (".dng", ".mp4") or (output == "o.bmp" and source == "a.png")
    code = main(["denoise", source, "-o", output, *QUICK])
    if not file:
        assert opened and code == 1  # by what stands for a denoiser
        return
    words = complaint(capsys)
    assert code == 2 and not opened and "ends in no format" in words and ".webp" in words and not Path(output).exists()


def test_a_video_is_no_picture(capsys):
    Path("a.mp4").write_bytes(b"")
    assert main(["denoise", "a.mp4", "-o", "a.png", *QUICK]) == 2
    assert ".mkv" in complaint(capsys)


def test_an_existing_folder_may_be_called_like_a_file():
    picture("a.png")
    Path("o.bmp").mkdir()
    assert main(["denoise", "a.png", "-o", "o.bmp", *QUICK]) == 0
    assert Path("o.bmp/a.png").is_file()


def test_a_decoder_that_stumbles_does_not_stop_the_rest(monkeypatch, capsys):
    from realdenoise.imaging import raw

    load = raw.load_photo
    picture("a.png", "b.png", "c.png")

    def stumble(path, development):
        if Path(path).name == "b.png":
            raise KeyError(2)
        return load(path, development)

    monkeypatch.setattr(raw, "load_photo", stumble)
    assert main(["denoise", "a.png", "b.png", "c.png", "-o", "out", *QUICK]) == 1
    assert "b.png" in complaint(capsys) and sorted(path.name for path in Path("out").iterdir()) == ["a.png", "c.png"]


def test_batch_removes_half_written_files_of_its_own_alone():
    picture("in/a.png")
    own, others = Path("out/.0123abcd.part"), [Path("out/.film.mp4.part"), Path("out/b/.0123ABCD.part")]
    for path in (own, *others):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"half")
    Path("out/.01234567.part").mkdir()
    Path("out/.89abcdef.part").symlink_to(others[0].resolve())
    assert main(["batch", "in", "out", *QUICK]) == 0
    assert not own.exists() and all(path.exists() for path in others)
    assert Path("out/.01234567.part").is_dir() and Path("out/.89abcdef.part").is_symlink()


@pytest.mark.parametrize("engine", ["local", "ray"])
def test_batch_without_a_picture_is_wrong_usage(engine, capsys):
    if engine == "ray":
        pytest.importorskip("ray")
    Path("in").mkdir()
    assert main(["batch", "in", "out", "--engine", engine, *QUICK]) == 2
    assert "no picture in 'in'" in complaint(capsys) and not Path("out").exists()


def test_the_ray_engine_removes_half_written_files_of_its_own_alone():
    pytest.importorskip("pyarrow")
    picture("in/a.png", "in/b.png", "out/b.png")
    for name in ("a.png.part", "manifest.csv.part", "film.mp4.part"):
        Path("out", name).write_bytes(b"half")
    _, waiting = _ray_engine._survey(argparse.Namespace(source="in", target="out"))
    assert [str(path) for path in waiting] == ["a.png"]
    assert sorted(path.name for path in Path("out").iterdir()) == ["b.png", "film.mp4.part"]


def test_a_list_that_is_none(tmp_path):
    Path("manifest.csv").write_text("x" * 200_000)  # more than csv takes for a field
    with pytest.raises(DenoiseError, match=r"manifest\.csv' is no list of an earlier run"):
        Manifest(Path("manifest.csv"), set())


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (["denoise", "a.png", "-o", "b.png", *QUICK, "--device", "foo"], "device 'foo' is unknown"),
        (["batch", "in", "out", *QUICK, "--device", "cpu,foo"], "device 'foo' is unknown"),
        (["train", "dncnn_color_blind", "--photos", "in", "--data", "in"], "--data names other data"),
        (["train", "dncnn_color_blind", "--rank", "4"], "add --adapter lora"),
    ],
)
def test_options_that_would_have_no_effect(words, problem, capsys):
    picture("a.png", "in/a.png")
    assert main(words) == 2
    assert problem in complaint(capsys)


@pytest.mark.parametrize("other", ["RGBA", "RGB"])
def test_compare_says_that_it_leaves_transparency_out(capsys, other):
    pixels = torch.full((16, 20, 4), 128, dtype=torch.uint8).numpy()
    Image.fromarray(pixels).save("a.png")
    pixels[..., 3] = 9
    Image.fromarray(pixels).convert(other).save("b.png")
    assert main(["compare", "a.png", "b.png"]) == 0
    assert capsys.readouterr().out == "identical, SSIM 1.0000 (transparency left out)\n"
    Image.fromarray(pixels).convert("RGB").save("a.png")
    assert main(["compare", "a.png", "a.png"]) == 0
    assert capsys.readouterr().out == "identical, SSIM 1.0000\n"
