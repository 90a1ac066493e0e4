"""realdenoise batch on a Ray cluster: pictures anywhere Arrow or fsspec can reach, a denoiser per GPU or CPU."""

from __future__ import annotations

import argparse
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from functools import partial
from pathlib import Path, PurePath, PurePosixPath
from typing import Any

from ._errors import UsageError
from ._inputs import clean_picture, open_denoiser
from ._manifest import MANIFEST, Row
from ._tree import Plan, plan
from ._workers import noise_in, tried

PART = ".part"
FILES_PER_TASK = 8
TASKS_WAITING = 2
"""Tasks that are handed to an actor beside the one it works on; all others wait where they are."""
PAUSE_SECONDS = 0.5
"""Storage behind a network needs longer than a disk to come to itself."""


def run(args: argparse.Namespace) -> int:
    """Denoise the tree on all workers; returns 1 if a picture could not be denoised."""
    _ray()
    todo, waiting = _survey(args)
    with tempfile.TemporaryDirectory() as folder:
        kept = Path(folder) / MANIFEST
        _fetch_manifest(args.target, kept)
        code = todo.follow(waiting, _rows(args, waiting), kept)
        filesystem, root = open_filesystem(args.target)
        _put(filesystem, kept, f"{root}/{MANIFEST}")
    return code


def _ray() -> Any:
    try:
        import ray
        import ray.data
    except ImportError as error:
        raise UsageError(
            "--engine ray needs Ray Data; install it with pip install 'realdenoise[ray]' or leave --engine out."
        ) from error
    return ray


def open_filesystem(place: str) -> tuple[Any, str]:
    """A folder or URI → Arrow's file system, or fsspec's where Arrow has none, and the path inside it.

    Raises:
        UsageError: nobody knows the scheme.
    """
    from pyarrow import fs

    place = place.rstrip("/")
    if "://" not in place:
        return fs.LocalFileSystem(), str(Path(place).resolve())
    try:
        return fs.FileSystem.from_uri(place)
    except (ValueError, NotImplementedError) as error:  # no scheme of Arrow's
        try:
            from fsspec.core import url_to_fs

            other, path = url_to_fs(place)
        except (ImportError, ValueError) as problem:
            raise UsageError(f"'{place}' cannot be opened ({problem or error}); install its fsspec package.") from error
        return fs.PyFileSystem(fs.FSSpecHandler(other)), path


def _survey(args: argparse.Namespace) -> tuple[Plan, dict[PurePath, PurePath]]:
    """What is to become of IN_DIR, and what of it OUT_DIR lacks; half-written files of a killed run are removed."""
    from pyarrow import fs

    places = []
    for place in (args.source, args.target):
        filesystem, root = open_filesystem(place)
        selector = fs.FileSelector(root, recursive=True, allow_not_found=True)
        found = [info.path for info in filesystem.get_file_info(selector) if info.type == fs.FileType.File]
        places.append((filesystem, root, found))
    (_, source, pictures), (filesystem, target, results) = places
    if f"{target}/".startswith(f"{source}/") or f"{source}/".startswith(f"{target}/"):
        raise UsageError("IN_DIR and OUT_DIR must not lie inside each other, or results would become inputs.")
    todo = plan(PurePosixPath(path[len(source) + 1 :]) for path in pictures)
    if not (len(todo) or todo.videos):
        raise UsageError(f"there is no picture in '{args.source}'.")
    own = {f"{target}/{result}{PART}" for result in (MANIFEST, *map(str, todo.results.values()))}
    for path in own.intersection(results):
        filesystem.delete_file(path)
    done = {PurePosixPath(path[len(target) + 1 :]) for path in results}
    return todo, {file: result for file, result in todo.results.items() if result not in done}


def _rows(args: argparse.Namespace, waiting: Mapping[PurePath, PurePath]) -> Iterator[Row]:
    """A row for every picture → result, as they are finished; one whose worker died is done again by another."""
    if not waiting:
        return
    ray = _ray()
    if not ray.is_initialized():
        ray.init(address=args.ray_address, log_to_driver=False, include_dashboard=False)
    gpus = int(ray.cluster_resources().get("GPU", 0))
    workers = args.workers or gpus or max(1, int(ray.cluster_resources().get("CPU", 1)))
    ray.data.DataContext.get_current().enable_progress_bars = False
    options = {key: value for key, value in vars(args).items() if key != "run"}
    pool = ray.data.ActorPoolStrategy(size=min(workers, len(waiting)), max_tasks_in_flight_per_actor=1 + TASKS_WAITING)
    tasks = max(1, -(-len(waiting) // FILES_PER_TASK), min(len(waiting), 2 * workers))
    items = [{"file": file.as_posix(), "result": result.as_posix()} for file, result in waiting.items()]
    todo = ray.data.from_items(items, override_num_blocks=tasks)
    # Ray restarts a dead actor and repeats its task (max_restarts and max_task_retries are unlimited in Ray Data).
    done = todo.map(Actor, fn_constructor_args=(options,), compute=pool, num_cpus=1, num_gpus=1 if gpus else None)
    for row in done.iter_rows():
        yield Row(**row)


class Actor:
    """One denoiser in a process of its own. Args: the command's options."""

    def __init__(self, options: dict[str, Any]) -> None:
        self._args = argparse.Namespace(**options)
        self._source, self._from = open_filesystem(self._args.source)
        self._target, self._to = open_filesystem(self._args.target)
        self._denoiser = open_denoiser(self._args)

    def __call__(self, item: dict[str, str]) -> dict[str, str]:
        """{"file": name, "result": name} → the fields of its manifest row."""
        name, work = item["file"], partial(self._denoise, item["file"], item["result"])
        return asdict(tried(name, self._args.retries, work, PAUSE_SECONDS))

    def _denoise(self, name: str, result: str) -> float:
        """Estimated sigma on the 0–255 scale. A result that a worker left before it died is simply written again."""
        from ..imaging.files import save_picture
        from ..imaging.raw import load_photo

        with tempfile.TemporaryDirectory() as folder:
            here, made = Path(folder, "in", Path(name).name), Path(folder, "out", Path(result).name)
            here.parent.mkdir()
            made.parent.mkdir()
            with self._source.open_input_stream(f"{self._from}/{name}") as stream, here.open("wb") as copy:
                shutil.copyfileobj(stream, copy)
            image, info = load_photo(here, self._args.raw)
            clean = clean_picture(image, self._denoiser, self._args)
            save_picture(clean[0], made, info, self._args.quality)
            _put(self._target, made, f"{self._to}/{result}")
        return noise_in(image)


def _put(filesystem: Any, file: Path, path: str) -> None:
    """Copy a file to where it belongs; it has its name only when it is whole."""
    filesystem.create_dir(path.rpartition("/")[0], recursive=True)
    with file.open("rb") as copy, filesystem.open_output_stream(path + PART) as stream:
        shutil.copyfileobj(copy, stream)
    filesystem.move(path + PART, path)


def _fetch_manifest(target: str, file: Path) -> None:
    filesystem, root = open_filesystem(target)
    try:
        with filesystem.open_input_stream(f"{root}/{MANIFEST}") as stream:
            file.write_bytes(stream.read())
    except FileNotFoundError:
        return
