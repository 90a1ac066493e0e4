"""Which pictures of a folder are to be done, what their results are called, and what cannot be done at all."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import chain
from pathlib import Path, PurePath

from tqdm import tqdm

from ..imaging.raw import PHOTO_SUFFIXES
from ..imaging.video import VIDEO_SUFFIXES
from ._errors import EXIT_FAILURE, named
from ._jobs import result_name
from ._manifest import Manifest, Row


@dataclass(frozen=True)
class Plan:
    """What is to become of a folder; every path is below it.

    results: picture → result, in the order in which they are done. left_out: a row for everything that cannot be done.
    videos: how many there are, which `realdenoise denoise` takes.
    """

    results: dict[PurePath, PurePath]
    left_out: list[Row]
    videos: int

    def __len__(self) -> int:
        return len(self.results) + len(self.left_out)

    def follow(self, waiting: Mapping[PurePath, PurePath], rows: Iterable[Row], manifest: Path) -> int:
        """List the rows as they come, with a bar, and say how it ended.

        waiting: those of `results` that an earlier run has not done, for which the rows are.

        Returns:
            The command's exit code: 1 if a picture could not be denoised.
        """
        before, failed = len(self.results) - len(waiting), 0
        finished = {file.as_posix() for file in self.results if file not in waiting}
        with Manifest(manifest, finished) as listed, tqdm(total=len(self), initial=before, unit="picture") as bar:
            for row in chain(self.left_out, rows):
                listed.add(row)
                bar.update()
                if row.error:
                    failed += 1
                    bar.write(f"realdenoise batch: {row.error}", file=sys.stderr)
        words = f"{len(self) - failed} of {len(self)} pictures are done, {before} of them before."
        videos = f" Videos left out: {self.videos}; use 'realdenoise denoise' for them." if self.videos else ""
        print(words + videos)
        return EXIT_FAILURE if failed else 0


def plan(files: Iterable[PurePath], left_out: Iterable[Row] = ()) -> Plan:
    """What to do with the files that a folder holds, wherever it is; a raw file may not take another's name."""
    files, rows = list(files), list(left_out)
    photos = [file for file in files if file.suffix.lower() in PHOTO_SUFFIXES]
    results: dict[PurePath, PurePath] = {}
    taken: dict[PurePath, PurePath] = {}
    for file in sorted(photos, key=lambda file: (file != result_name(file), file)):
        result = result_name(file)
        if result in taken:
            problem = f"'{file.as_posix()}' would become '{result.as_posix()}', as '{taken[result].as_posix()}' does"
            rows.append(Row(file.as_posix(), error=f"{problem}; put it into another folder."))
        else:
            results[file], taken[result] = result, file
    return Plan(dict(sorted(results.items())), rows, sum(file.suffix.lower() in VIDEO_SUFFIXES for file in files))


def find_pictures(source: Path) -> Plan:
    """The plan for a folder of this machine.

    Left out are folders that cannot be listed, pictures that are no files, and what `plan` leaves out.
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
            place = path.relative_to(source)
            if path.suffix.lower() not in PHOTO_SUFFIXES or not path.exists() or stat.S_ISREG(path.stat().st_mode):
                found.append(place)  # also a link to nothing, which then fails by name
            else:
                left_out.append(Row(place.as_posix(), error=f"'{place.as_posix()}' is no regular file."))
    return plan(found, left_out)
