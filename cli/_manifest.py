"""The list a batch keeps: one line per picture, whatever happens to the process."""

from __future__ import annotations

import csv
from dataclasses import astuple, dataclass
from pathlib import Path

from ..imaging.files import writing
from ..imaging.level import DenoiseError

ANY_NAME = "surrogateescape"
"""Linux allows file names that are no UTF-8."""
MANIFEST = "manifest.csv"
HEADER = ("file", "sigma", "seconds", "error")


@dataclass(frozen=True)
class Row:
    """file: path below the folder, with '/'. sigma: estimated, 0–255 scale. seconds: for all. error: '' when done."""

    file: str
    sigma: str = ""
    seconds: str = ""
    error: str = ""


class Manifest:
    """Appends every row at once; on closing, the file is rewritten sorted, with the last row of each picture.

    Args:
        path: the CSV file; rows of an earlier, perhaps killed run are kept.
        finished: pictures that are done; one that was killed before it got its row gets one without numbers.
    """

    def __init__(self, path: Path, finished: set[str]) -> None:
        self._path = path
        self._rows = {row.file: row for row in _read(path)}
        for file in finished:
            row = self._rows.get(file)
            if row is None or row.error:
                self._rows[file] = Row(file)

    def __enter__(self) -> Manifest:
        self._rewrite()
        self._stream = self._path.open("a", newline="", encoding="utf-8", errors=ANY_NAME)
        return self

    def __exit__(self, *_: object) -> None:
        self._stream.close()
        self._rewrite()

    def add(self, row: Row) -> None:
        """Note a picture that is done or has failed."""
        self._rows[row.file] = row
        csv.writer(self._stream).writerow(astuple(row))
        self._stream.flush()

    def _rewrite(self) -> None:
        with (
            writing(self._path) as temporary,
            temporary.open("w", newline="", encoding="utf-8", errors=ANY_NAME) as stream,
        ):
            table = csv.writer(stream)
            table.writerow(HEADER)
            table.writerows(astuple(self._rows[file]) for file in sorted(self._rows))


def _read(path: Path) -> list[Row]:
    """Rows of an earlier run; a last line that was cut off is left out. DenoiseError when it is another file."""
    if not path.is_file():
        return []
    try:
        with path.open(newline="", encoding="utf-8", errors=ANY_NAME) as stream:
            lines = [line for line in csv.reader(stream) if len(line) == len(HEADER)]
    except csv.Error as error:
        raise DenoiseError(f"'{path}' is no list of an earlier run ({error}); move it out of the folder.") from error
    return [Row(*line) for line in lines if tuple(line) != HEADER]
