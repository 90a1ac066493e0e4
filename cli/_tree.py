"""Which pictures of a folder are to be done, what their results are called, and what cannot be done at all."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from ..imaging.raw import PHOTO_SUFFIXES
from ._errors import named
from ._inputs import result_name
from ._manifest import Row


def find_pictures(source: Path) -> tuple[dict[Path, Path], list[Row]]:
    """Picture → result, both below their folders, in order; and a row for everything that must be left out.

    Left out are folders that cannot be listed, pictures that are no files, and raw files whose result would take the
    name of another.
    """
    left_out: list[Row] = []

    def unreadable(error: OSError) -> None:
        folder = Path(error.filename or source)
        place = folder.relative_to(source).as_posix() if folder.is_relative_to(source) else str(folder)
        left_out.append(Row(place, error=named(error, place)))

    found = []
    for folder, _, names in os.walk(source, onerror=unreadable):
        for name in names:
            path = Path(folder, name)
            if path.suffix.lower() not in PHOTO_SUFFIXES:
                continue
            place = path.relative_to(source)
            if path.exists() and not stat.S_ISREG(path.stat().st_mode):
                left_out.append(Row(place.as_posix(), error=f"'{place.as_posix()}' is no regular file."))
            else:
                found.append(place)  # also a link to nothing, which then fails by name
    return _distinct(sorted(found, key=lambda file: (file != result_name(file), file)), left_out), left_out


def _distinct(files: list[Path], left_out: list[Row]) -> dict[Path, Path]:
    results: dict[Path, Path] = {}
    taken: dict[Path, Path] = {}
    for file in files:
        result = result_name(file)
        if result in taken:
            problem = f"'{file.as_posix()}' would become '{result.as_posix()}', as '{taken[result].as_posix()}' does"
            left_out.append(Row(file.as_posix(), error=f"{problem}; put it into another folder."))
        else:
            results[file], taken[result] = result, file
    return dict(sorted(results.items()))
