"""Which files are meant by the words of a command line, and where their results go."""

from __future__ import annotations

import glob
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import TypeVar

from ._errors import UsageError

AnyPath = TypeVar("AnyPath", bound=PurePath)


@dataclass(frozen=True)
class Job:
    """One file and where its result goes."""

    source: Path
    target: Path


def found_files(names: Sequence[str], suffixes: Sequence[str], output: Path | None = None) -> list[tuple[Path, Path]]:
    """Files, folders and patterns → single files, each with its place below the output folder.

    Args:
        output: where results go; what lies there already is no input of a folder or pattern around it.

    Raises:
        UsageError: nothing found.
    """
    if "" in names:
        raise UsageError("the name of an input is empty; give a file, a folder or a pattern.")
    found = [
        pair
        for name in names
        for pair in _files(name, suffixes)
        if output is None or not _is_result(pair[0], name, output.resolve())
    ]
    if not found:
        raise UsageError(f"there is no picture in {', '.join(names)}.")
    return found


def jobs(names: Sequence[str], output: str, suffixes: Sequence[str]) -> list[Job]:
    """Files, folders and patterns → single files with their targets.

    One file goes to OUT itself when that has the ending of a format that can be written; everything else goes into the
    folder OUT, the contents of a given folder keeping their tree.

    Raises:
        UsageError: nothing found, two results of the same name, or an ending that stands for no such format.
    """
    target = Path(output)
    found = found_files(names, suffixes, target)
    if len(found) == 1 and target.suffix and not target.is_dir() and not output.endswith(("/", "\\")):
        endings = _written_as(found[0][0])
        if target.suffix.lower() in endings:
            return [Job(found[0][0], target)]
        if target.suffix.lower() in suffixes or Path(names[0]).is_file():
            raise UsageError(
                f"'{output}' ends in no format that '{found[0][0]}' can be written as; use {', '.join(endings)}, or "
                "put a / behind the name of a folder."
            )
    if target.exists() and not target.is_dir():
        raise UsageError(f"'{output}' is a file; several pictures need a folder to go into.")
    made = [Job(source, target / result_name(relative)) for source, relative in found]
    twice = [path for path, count in Counter(job.target for job in made).items() if count > 1]
    if twice:
        raise UsageError(f"several inputs would become '{twice[0]}'; denoise them in separate runs.")
    return made


def result_name(file: AnyPath) -> AnyPath:
    """What the result of a file is called: as it is, but a developed raw file .tif, a camera's video .mp4."""
    from ..imaging.raw import DEVELOPED, RAW_SUFFIXES
    from ..imaging.video import READ_ONLY, WRITTEN

    suffix = file.suffix.lower()
    if suffix in RAW_SUFFIXES:
        return file.with_suffix(DEVELOPED)
    return file.with_suffix(WRITTEN) if suffix in READ_ONLY else file


def _written_as(source: Path) -> Sequence[str]:
    from ..imaging.files import SUFFIXES
    from ..imaging.video import FORMATS, VIDEO_SUFFIXES

    return tuple(FORMATS) if source.suffix.lower() in VIDEO_SUFFIXES else SUFFIXES


def _is_result(file: Path, name: str, output: Path) -> bool:
    """Whether a file was found in the output folder only because that lies inside what the word names."""
    root = Path(name)
    while glob.has_magic(str(root)) and not root.exists():
        root = root.parent
    return root.resolve() in output.parents and (file.parent.resolve() / file.name).is_relative_to(output)


def _files(name: str, suffixes: Sequence[str]) -> list[tuple[Path, Path]]:
    """(file, its place below the output folder) for one word of the command line."""
    path = Path(name)
    if path.is_dir():
        files = sorted(p for p in path.rglob("*") if p.suffix.lower() in suffixes and p.is_file())
        return [(file, file.relative_to(path)) for file in files]
    if path.exists() or not glob.has_magic(name):
        return [(path, Path(path.name))]
    matches = sorted(glob.glob(name, recursive=True))  # noqa: PTH207
    return [(Path(match), Path(Path(match).name)) for match in matches if Path(match).suffix.lower() in suffixes]
