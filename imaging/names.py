"""Names to save under: what one system cannot write is refused on all, so that workflows can be passed on."""

from __future__ import annotations

from pathlib import Path, PureWindowsPath

from .files import inside
from .level import DenoiseError

DEVICES = {
    *("CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$"),
    *(f"{port}{number}" for port in ("COM", "LPT") for number in "0123456789¹²³"),
}
"""What Windows takes for a device, with any ending."""
FORBIDDEN = set('<>:"|?*') | {chr(code) for code in range(32)}
"""Windows cannot write these; a colon even leads into a hidden stream of another file."""


def check_name(name: str) -> None:
    """Raise DenoiseError for a path of which some system cannot write a part; a drive and '..' are left alone."""
    path = PureWindowsPath(name)  # knows both kinds of slash
    for part in path.parts[bool(path.anchor) :]:
        found = sorted(FORBIDDEN & set(part))
        if found:
            raise DenoiseError(f"'{name}' contains {found[0]!r}, which no file name can have on Windows; leave it out.")
        if part.split(".")[0].rstrip().upper() in DEVICES:
            raise DenoiseError(f"'{name}' is the name of a device on Windows; choose another one.")
        if part != ".." and part.endswith((".", " ")):
            raise DenoiseError(f"'{name}' ends in a dot or a blank, which Windows drops; leave it out.")


def to_save(root: Path, name: str) -> Path:
    """A file below a folder by the name that a user gave; both kinds of slash separate folders.

    Raises:
        DenoiseError: no name, one that leads out of the folder (see `inside`), or one that some system cannot write.
    """
    inside(root, name)
    check_name(name)
    parts = PureWindowsPath(name).parts
    if not parts:
        raise DenoiseError(f"'{name}' names no file in the folder {root.name}; give it a name.")
    return root.resolve().joinpath(*parts)
