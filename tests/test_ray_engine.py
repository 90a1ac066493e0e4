"""The batch command on Ray: a worker dies in the middle, and every file comes out once."""

import csv
import os
import signal
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from realdenoise.cli import _ray_engine, build_parser, main
from realdenoise.cli._errors import UsageError
from realdenoise.cli._tree import find_pictures
from realdenoise.imaging.files import load_picture
from test_raw import write_dng

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture
def workers_find_this_checkout(tmp_path, monkeypatch):
    """Ray's worker processes import the package by its name."""
    packages = tmp_path / "packages"
    packages.mkdir()
    (packages / "realdenoise").symlink_to(ROOT)
    monkeypatch.setenv("PYTHONPATH", str(packages))
    monkeypatch.setenv("RAY_worker_niceness", "0")  # or a busy machine never comes to them
    monkeypatch.chdir(tmp_path)


def pictures(count: int) -> list[str]:
    names = [f"{'ab'[i % 2]}/{i:03}.png" for i in range(count)]
    for index, name in enumerate(names):
        path = Path("in") / name
        path.parent.mkdir(parents=True, exist_ok=True)
        pixels = np.random.default_rng(index).normal(128, 10, (48, 48, 3)).clip(0, 255).astype(np.uint8)
        Image.fromarray(pixels).save(path)
    return names


def test_without_ray_the_way_out_is_named(monkeypatch, tmp_path, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(sys.modules, "ray", None)
    assert main(["batch", "in", "out", "--engine", "ray"]) == 2
    assert "realdenoise[ray]" in capsys.readouterr().err


def test_places_are_opened_by_arrow_or_fsspec(tmp_path):
    fs = pytest.importorskip("pyarrow.fs")
    for place in (str(tmp_path), f"{tmp_path.as_uri()}/"):
        filesystem, root = _ray_engine.open_filesystem(place)
        assert isinstance(filesystem, fs.LocalFileSystem) and root == str(tmp_path)
    other, root = _ray_engine.open_filesystem("memory://bucket/pictures")
    assert isinstance(other, fs.PyFileSystem) and root.strip("/") == "bucket/pictures"
    with pytest.raises(UsageError, match="nonsense://pictures"):
        _ray_engine.open_filesystem("nonsense://pictures")


def options(*words: str):
    return build_parser().parse_args(["batch", "in", "out", "--engine", "ray", "--denoiser", "heat", *words])


def test_it_lists_what_the_local_engine_lists(tmp_path, monkeypatch):
    """Camera raw files too; their results are TIFFs, and two results of one name are refused alike."""
    pytest.importorskip("pyarrow")
    monkeypatch.chdir(tmp_path)
    pictures(3)
    for name in ("b.DNG", "a/c.cr2", "x.exr", "both.tif", "both.nef", "film.mp4", "notes.txt"):
        Path("in", name).write_bytes(b"1")

    def words(files):
        return [(file.as_posix(), result.as_posix()) for file, result in files.items()]

    ours, waiting = _ray_engine._survey(options())
    local = find_pictures(Path("in"))
    assert words(ours.results) == words(local.results) == words(waiting)
    assert ("a/c.cr2", "a/c.tif") in words(waiting) and len(waiting) == 7
    assert [row.file for row in ours.left_out] == [row.file for row in local.left_out] == ["both.nef"]
    assert ours.videos == local.videos == 1
    Path("out/a").mkdir(parents=True)
    Path("out/a/c.tif").write_bytes(b"1")
    assert set(words(waiting)) - set(words(_ray_engine._survey(options())[1])) == {("a/c.cr2", "a/c.tif")}


def test_its_workers_develop_raw_files(tmp_path, monkeypatch):
    pytest.importorskip("rawpy"), pytest.importorskip("pyarrow")
    monkeypatch.chdir(tmp_path)
    Path("in").mkdir()
    write_dng("in/a.dng", np.full((32, 32, 3), 0.4))
    row = _ray_engine.Actor(vars(options("--raw", "linear", "--sigma", "2")))({"file": "a.dng", "result": "a.tif"})
    assert row["error"] == "" and [path.name for path in Path("out").iterdir()] == ["a.tif"]
    image, info = load_picture("out/a.tif")
    assert info.bits == 16 and image.mean() == pytest.approx(0.4, abs=0.01)


def worker_processes() -> list[int]:
    """Ray names its processes after what they do."""
    names = {path.parent.name: path.read_bytes() for path in Path("/proc").glob("[0-9]*/cmdline")}
    return [int(number) for number, name in names.items() if name.startswith(b"ray::MapWorker")]


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="finds the worker in /proc")
def test_one_of_two_workers_is_killed(workers_find_this_checkout, capsys):
    ray = pytest.importorskip("ray")
    names = pictures(40)
    Path("in/zero.png").write_bytes(b"")
    ray.init(num_cpus=4, include_dashboard=False, log_to_driver=False)
    killed = []

    def kill_one_worker(row):
        """After the tenth result."""
        manifest.append(row)
        if len(manifest) == 10:
            killed.append(worker_processes()[0])
            os.kill(killed[0], signal.SIGKILL)

    manifest = []
    try:
        with pytest.MonkeyPatch.context() as patch:
            add = _ray_engine.Manifest.add
            patch.setattr(_ray_engine.Manifest, "add", lambda self, row: (add(self, row), kill_one_worker(row)))
            words = ["batch", "in", "out", "--engine", "ray", "--workers", "2", "--denoiser", "nlm", "--sigma", "10"]
            assert main(words) == 1  # one file is no picture
    finally:
        ray.shutdown()
    assert killed
    found = sorted(path.relative_to("out").as_posix() for path in Path("out").rglob("*") if path.is_file())
    assert found == sorted([*names, "manifest.csv"])
    with Path("out/manifest.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert sorted(row["file"] for row in rows) == sorted([*names, "zero.png"])
    assert [row["file"] for row in rows if row["error"]] == ["zero.png"]
    assert "40 of 41 pictures are done" in capsys.readouterr().out
    for name in names:
        with Image.open(Path("out") / name) as picture:
            picture.load()
