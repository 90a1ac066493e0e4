"""The batch command: every good file exactly once, every bad one named, whatever happens in between."""

import csv
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from realdenoise.cli import _workers, main

ROOT = Path(__file__).resolve().parents[1]
QUICK = ["--denoiser", "heat", "--sigma", "10"]


@pytest.fixture(autouse=True)
def own_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def pictures(count: int, side: int = 16) -> list[str]:
    """Write pictures into a tree below `in` and return their names."""
    names = [f"{'abc'[i % 3]}/{i % 2}/{i:03}.png" for i in range(count)]
    for index, name in enumerate(names):
        path = Path("in") / name
        path.parent.mkdir(parents=True, exist_ok=True)
        pixels = np.random.default_rng(index).normal(128, 10, (side, side, 3)).clip(0, 255).astype(np.uint8)
        Image.fromarray(pixels).save(path)
    return names


def results() -> list[str]:
    files = (path for path in Path("out").rglob("*") if path.is_file() and path.suffix != ".csv")
    return sorted(path.relative_to("out").as_posix() for path in files)


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
    assert set(errors) == {"zero.png", "cut.png", "words.jpg"}  # a link to nothing is no file
    assert all(name in text for name, text in errors.items())
    assert "5 of 8 pictures are done" in capsys.readouterr().out


def test_a_passing_failure_is_tried_again(monkeypatch):
    names = pictures(3)
    load, failures = _workers.load_picture, {names[1]: 2, names[2]: 9}

    def flaky(path):
        name = Path(path).relative_to(Path("in").resolve()).as_posix()
        if failures.get(name, 0) > 0:
            failures[name] -= 1
            raise OSError(5, "Input/output error", str(path))
        return load(path)

    monkeypatch.setattr(_workers, "load_picture", flaky)
    monkeypatch.setattr(_workers, "PAUSE_SECONDS", 0.001)
    assert main(["batch", "in", "out", *QUICK]) == 1
    assert results() == sorted(names[:2])
    assert "Input/output error" in manifest()[names[2]]["error"]
    assert failures == {names[1]: 0, names[2]: 6}  # the first try and two more
    assert main(["batch", "in", "out", "--retries", "6", *QUICK]) == 0
    assert manifest()[names[2]]["error"] == ""


def test_killed_in_the_middle_and_run_again():
    names = pictures(12, side=96)
    code = (
        "import importlib.util as u, sys; root = sys.argv[1];"
        "s = u.spec_from_file_location('realdenoise', root + '/__init__.py', submodule_search_locations=[root]);"
        "m = u.module_from_spec(s); sys.modules['realdenoise'] = m; s.loader.exec_module(m);"
        "from realdenoise.cli import main; main(['batch', 'in', 'out', '--denoiser', 'nlm', '--sigma', '10'])"
    )
    run = subprocess.Popen([sys.executable, "-c", code, str(ROOT)], stderr=subprocess.DEVNULL)
    end = time.monotonic() + 60
    while len(list(Path("out").rglob("*.png"))) < 3 and run.poll() is None:
        assert time.monotonic() < end
        time.sleep(0.01)
    run.send_signal(signal.SIGKILL)
    run.wait()
    done = len(list(Path("out").rglob("[0-9]*.png")))
    assert 3 <= done < len(names)
    half = Path("out") / ".stale.png.1.part"
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
