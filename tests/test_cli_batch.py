"""The batch command: every good file exactly once, every bad one named, whatever happens in between."""

import csv
import os
import signal
import struct
import subprocess
import sys
import threading
import time
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from cli_calls import QUICK
from PIL import Image
from realdenoise.cli import _workers, main
from realdenoise.cli._manifest import Manifest, Row
from realdenoise.models.contract import Spec

ROOT = Path(__file__).resolve().parents[1]
RUN = (
    "import importlib.util as u, sys; root = sys.argv[1];"
    "s = u.spec_from_file_location('realdenoise', root + '/__init__.py', submodule_search_locations=[root]);"
    "m = u.module_from_spec(s); sys.modules['realdenoise'] = m; s.loader.exec_module(m);"
    "from realdenoise.cli import main; "
)
"""A program whose first word is the checkout."""
pytestmark = pytest.mark.usefixtures("in_tmp_path")


def pictures(count: int, side: int | Callable[[int], int] = 16) -> list[str]:
    """Write pictures into a tree below `in` and return their names."""
    names = [f"{'abc'[i % 3]}/{i % 2}/{i:03}.png" for i in range(count)]
    for index, name in enumerate(names):
        path = Path("in") / name
        path.parent.mkdir(parents=True, exist_ok=True)
        length = side if isinstance(side, int) else side(index)
        pixels = np.random.default_rng(index).normal(128, 10, (length, length, 3)).clip(0, 255).astype(np.uint8)
        Image.fromarray(pixels).save(path)
    return names


def results() -> list[str]:
    files = (path for path in Path("out").rglob("*") if path.is_file() and path.suffix != ".csv")
    return sorted(path.relative_to("out").as_posix() for path in files)


def finished() -> list[str]:
    """Results under their own names; files that are still being written have a dot before theirs."""
    return [name for name in results() if not name.rsplit("/", 1)[-1].startswith(".")]


def manifest() -> dict[str, dict[str, str]]:
    """Rows by file; every file at most once."""
    with Path("out/manifest.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert len({row["file"] for row in rows}) == len(rows)
    return {row["file"]: row for row in rows}


def test_the_tree_is_kept_and_listed():
    names = pictures(6, side=64)
    assert main(["batch", "in", "out", *QUICK]) == 0
    assert results() == sorted(names) == sorted(manifest())
    for row in manifest().values():
        assert float(row["sigma"]) == pytest.approx(10, abs=1)
        assert float(row["seconds"]) > 0 and row["error"] == ""


def test_a_second_run_does_only_what_is_missing():
    names = pictures(4)
    assert main(["batch", "in", "out", *QUICK]) == 0
    before = {name: (Path("out") / name).stat().st_mtime_ns for name in names}
    rows = manifest()
    (Path("out") / names[2]).unlink()
    assert main(["batch", "in", "out", *QUICK]) == 0
    changed = [name for name in names if (Path("out") / name).stat().st_mtime_ns != before[name]]
    assert changed == [names[2]]
    assert {k: v for k, v in manifest().items() if k != names[2]} == {k: v for k, v in rows.items() if k != names[2]}


def test_bad_files_are_named_and_the_rest_is_done(capsys):
    names = pictures(5)
    Path("in/zero.png").write_bytes(b"")
    Path("in/cut.png").write_bytes((Path("in") / names[0]).read_bytes()[:60])
    Path("in/words.jpg").write_text("no picture")
    Path("in/gone.png").symlink_to("nowhere.png")
    assert main(["batch", "in", "out", *QUICK]) == 1
    assert results() == sorted(names)
    errors = {name: row["error"] for name, row in manifest().items() if row["error"]}
    assert set(errors) == {"zero.png", "cut.png", "words.jpg", "gone.png"}
    assert all(name in text for name, text in errors.items())
    assert "5 of 9 pictures are done" in capsys.readouterr().out


def test_videos_are_left_out_and_counted(capsys):
    names = pictures(1)
    Path("in/film.mp4").write_bytes(b"1"), Path("in/a/clip.MOV").write_bytes(b"1")
    assert main(["batch", "in", "out", *QUICK]) == 0
    assert results() == names
    words = capsys.readouterr().out
    assert "1 of 1 pictures are done" in words and "Videos left out: 2; use 'realdenoise denoise'" in words
    Path("in/film.mp4").unlink(), Path("in/a/clip.MOV").unlink()
    assert main(["batch", "in", "out", *QUICK]) == 0
    assert "Videos" not in capsys.readouterr().out


def test_a_passing_failure_is_tried_again(monkeypatch):
    names = pictures(3)
    load, failures = _workers.load_photo, {names[1]: 2, names[2]: 9}

    def flaky(path, raw):
        name = Path(path).relative_to(Path("in").resolve()).as_posix()
        if failures.get(name, 0) > 0:
            failures[name] -= 1
            raise OSError(5, "Input/output error", str(path))
        return load(path, raw)

    monkeypatch.setattr(_workers, "load_photo", flaky)
    monkeypatch.setattr(_workers, "PAUSE_SECONDS", 0.001)
    assert main(["batch", "in", "out", *QUICK]) == 1
    assert results() == sorted(names[:2])
    assert "Input/output error" in manifest()[names[2]]["error"]
    assert failures == {names[1]: 0, names[2]: 6}  # the first try and two more
    assert main(["batch", "in", "out", "--retries", "6", *QUICK]) == 0
    assert manifest()[names[2]]["error"] == ""


def test_killed_in_the_middle_and_run_again():
    names = pictures(12, side=96)
    code = RUN + "main(['batch', 'in', 'out', '--denoiser', 'nlm', '--sigma', '10'])"
    run = subprocess.Popen([sys.executable, "-c", code, str(ROOT)], stderr=subprocess.DEVNULL)
    end = time.monotonic() + 60
    while len(list(Path("out").rglob("*.png"))) < 3 and run.poll() is None:
        assert time.monotonic() < end
        time.sleep(0.01)
    run.send_signal(signal.SIGKILL)
    run.wait()
    done = len(list(Path("out").rglob("[0-9]*.png")))
    assert 3 <= done < len(names)
    half = Path("out") / ".0123abcd.part"
    half.write_bytes(b"half")
    assert main(["batch", "in", "out", *QUICK]) == 0
    assert results() == sorted(names) == sorted(manifest())
    for name in names:
        with Image.open(Path("out") / name) as picture:
            picture.load()
    assert not half.exists()


@pytest.mark.parametrize("words", [["none", "out"], ["in", "in/out"], ["in", "in"], ["in", "."], ["in"]])
def test_folders_that_do_not_fit_together(words):
    pictures(1)
    assert main(["batch", *words, *QUICK]) == 2
    assert not list(Path("in").rglob("*.csv"))


def test_an_unknown_denoiser_stops_before_anything_is_written():
    pictures(1)
    assert main(["batch", "in", "out", "--denoiser", "nobody"]) == 1
    assert results() == []


def test_every_device_of_a_list_works_at_the_same_time(monkeypatch):
    names, met, used = pictures(6), threading.Barrier(2), []

    def open_one(args, device):
        def denoise(image, level=None, monitor=None):
            met.wait(timeout=30)  # passes only while the other device is at work too
            used.append(device)
            return image

        denoise.spec = Spec(device, "Test")
        return denoise

    monkeypatch.setattr(_workers, "open_denoiser", open_one)
    assert main(["batch", "in", "out", "--device", "cpu:0, cpu:1"]) == 0
    assert results() == sorted(names)
    assert used.count("cpu:0") == used.count("cpu:1") == 3


@pytest.mark.parametrize(
    "device, count, wanted", [("auto", 3, ["cuda:0", "cuda:1", "cuda:2"]), ("auto", 0, ["auto"]), ("mps", 2, ["mps"])]
)
def test_automatic_means_every_gpu(monkeypatch, device, count, wanted):
    monkeypatch.setattr("torch.cuda.is_available", lambda: count > 0)
    monkeypatch.setattr("torch.cuda.device_count", lambda: count)
    assert _workers.all_devices(device) == wanted


def test_a_folder_that_cannot_be_listed_is_named(monkeypatch):
    names, scandir = pictures(4), os.scandir

    def refuse(path):
        if str(path).endswith("b"):
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    with monkeypatch.context() as patch:
        patch.setattr("os.scandir", refuse)
        assert main(["batch", "in", "out", *QUICK]) == 1
    assert [name for name, row in manifest().items() if row["error"]] == ["b"]
    assert sorted(name for name in names if not name.startswith("b")) == [n for n in manifest() if n != "b"]


def test_results_of_the_same_name_are_refused():
    pictures(1)
    Image.new("RGB", (8, 8), (90, 90, 90)).save("in/photo.tif")
    Path("in/photo.dng").write_bytes(b"raw")
    assert main(["batch", "in", "out", *QUICK]) == 1
    assert "would become 'photo.tif', as 'photo.tif' does" in manifest()["photo.dng"]["error"]
    assert manifest()["photo.tif"]["error"] == ""


def bomb() -> bytes:
    """A PNG that says it is 60000 pixels wide and high."""
    header = b"IHDR" + struct.pack(">IIBBBBB", 60000, 60000, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + header + struct.pack(">I", zlib.crc32(header))


def break_some(names: list[str]) -> set[str]:
    """Every fifth picture: empty, cut short, scrambled, a bomb, a link to nothing, or an EXR that is none."""
    bad = set()
    for number, name in enumerate(names[::5]):
        path = Path("in") / name
        content = path.read_bytes()
        path.unlink()
        kind = number % 6
        if kind == 4:
            path.symlink_to("nowhere.png")
        elif kind == 5:
            path = path.with_suffix(".exr")
            path.write_bytes(b"v/1\x01" + content)
        else:
            path.write_bytes([b"", content[: len(content) // 2], content[:20] + bytes(80), bomb()][kind])
        bad.add(path.relative_to("in").as_posix())
    return bad


def killed_when(count: int, seconds: float) -> None:
    """A run in a process of its own, killed as soon as there are that many results."""
    code = RUN + "main(['batch', 'in', 'out', '--denoiser', 'nlm', '--sigma', '10', '--retries', '0'])"
    run = subprocess.Popen([sys.executable, "-c", code, str(ROOT)], stdout=-3, stderr=-3)
    end = time.monotonic() + seconds
    while len(finished()) < count and run.poll() is None:
        assert time.monotonic() < end
        time.sleep(0.01)
    run.send_signal(signal.SIGKILL)
    run.wait()


@pytest.mark.parametrize("count", [30, pytest.param(1000, marks=pytest.mark.slow)])
def test_many_small_files_with_faults_and_killed_twice(count, monkeypatch):
    """All good ones exactly once, all bad ones named."""
    monkeypatch.setattr(_workers, "PAUSE_SECONDS", 0.001)
    names = pictures(count, side=lambda index: 16 + 8 * (index % 5))
    bad = break_some(names)
    good = sorted(set(names) - set(names[::5]))
    stamps: dict[str, int] = {}
    for part in (4, 2):
        killed_when(len(good) // part, 60 + count)
        done = finished()
        assert len(good) // part <= len(done) < len(good) and set(done) <= set(good)
        now = {name: (Path("out") / name).stat().st_mtime_ns for name in done}
        assert stamps.items() <= now.items()  # what was done is not done again
        stamps = now
    assert main(["batch", "in", "out", *QUICK]) == 1
    assert results() == good
    assert all((Path("out") / name).stat().st_mtime_ns == stamp for name, stamp in stamps.items())
    rows = manifest()
    assert {name for name, row in rows.items() if row["error"]} == bad
    assert set(rows) == bad | set(good)
    for name in good:
        with Image.open(Path("out") / name) as picture, Image.open(Path("in") / name) as original:
            picture.load()
            assert picture.size == original.size


def test_the_list_takes_names_that_are_no_utf8(tmp_path):
    """As Linux hands them on: os.fsdecode(b"caf\xe9.png")."""
    name = "caf\udce9.png"
    for number in range(2):
        with Manifest(tmp_path / "manifest.csv", {name} if number else set()) as manifest:
            manifest.add(Row(name, "1.00", "0.5"))
    assert b"caf\xe9.png,1.00,0.5," in (tmp_path / "manifest.csv").read_bytes().splitlines()
