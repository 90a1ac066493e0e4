"""What several commands share: which files are meant, where results go, loading a denoiser."""

from __future__ import annotations

import argparse
import glob
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ._errors import UsageError


@dataclass(frozen=True)
class Job:
    """One file and where its result goes."""

    source: Path
    target: Path


def add_denoiser_options(parser: argparse.ArgumentParser) -> None:
    """Options that choose and place a denoiser."""
    parser.add_argument(
        "--denoiser",
        default="interpolation_unet",
        metavar="NAME|FILE",
        help="a bundled name, a classical method or a weight file; see 'realdenoise list' (default: %(default)s)",
    )
    parser.add_argument("--precision", default="auto", choices=("auto", "fp32", "bf16", "fp16"), help="arithmetic")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:1, mps …")
    parser.add_argument("--tile", type=int, default=0, metavar="PIXELS", help="side of a tile; 0 = automatic")


def open_denoiser(args: argparse.Namespace):
    """The denoiser that the options choose."""
    from ..models.loader import load_denoiser

    return load_denoiser(args.denoiser, device=args.device, precision=args.precision, tile=args.tile)


def jobs(names: Sequence[str], output: str, suffixes: Sequence[str]) -> list[Job]:
    """Files, folders and patterns → single files with their targets.

    One file goes to OUT itself when that has a picture's ending; everything else goes into the folder OUT, the
    contents of a given folder keeping their tree.

    Raises:
        UsageError: nothing found, or two results of the same name.
    """
    found: list[tuple[Path, Path]] = []
    for name in names:
        path = Path(name)
        if path.is_dir():
            files = sorted(p for p in path.rglob("*") if p.suffix.lower() in suffixes)
            found += [(file, file.relative_to(path)) for file in files]
        elif path.exists() or not glob.has_magic(name):
            found.append((path, Path(path.name)))
        else:
            found += [(Path(match), Path(Path(match).name)) for match in sorted(glob.glob(name))]  # noqa: PTH207
    if not found:
        raise UsageError(f"there is no picture in {', '.join(names)}.")
    target = Path(output)
    if len(found) == 1 and target.suffix.lower() in suffixes and not target.is_dir():
        return [Job(found[0][0], target)]
    made = [Job(source, target / relative) for source, relative in found]
    clash = {job.target for job in made if [other.target for other in made].count(job.target) > 1}
    if clash:
        raise UsageError(f"several inputs would become '{sorted(clash)[0]}'; denoise them in separate runs.")
    return made
