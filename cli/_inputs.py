"""What several commands share: which files are meant, where results go, loading a denoiser."""

from __future__ import annotations

import argparse
import glob
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, TypeVar

from ._errors import UsageError
from ._numbers import level, natural, positive, real, share, whole

if TYPE_CHECKING:
    from torch import Tensor

AnyPath = TypeVar("AnyPath", bound=PurePath)


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
    parser.add_argument("--tile", type=natural, default=0, metavar="PIXELS", help="side of a tile; 0 = automatic")
    parser.add_argument(
        "--compile", action="store_true", help="run networks through torch.compile: pays only after minutes of work"
    )
    parser.add_argument("--adapter", metavar="FILE", help="add a low-rank adapter made by 'train --adapter lora'")
    parser.add_argument(
        "--adapter-strength", type=real(), default=1.0, metavar="X", help="how much of the adapter (default: 1)"
    )


def add_method_options(parser: argparse.ArgumentParser) -> None:
    """Options that say how a picture is denoised and written."""
    parser.add_argument("--sigma", type=level, metavar="S", help="noise level on the 0–255 scale; default: automatic")
    parser.add_argument("--steps", type=positive, default=1, metavar="N", help="interpolation steps (default: 1)")
    parser.add_argument("--method", default="improved", choices=("improved", "origin"), help="how steps are taken")
    parser.add_argument(
        "--strength", type=share, default=1.0, metavar="X", help="1 = denoised, 0 = the input (default: 1)"
    )
    parser.add_argument(
        "--quality", type=whole(1, 100), default=95, metavar="Q", help="of JPEG and WebP; 100 = lossless WebP (95)"
    )
    parser.add_argument(
        "--raw",
        default="sRGB",
        choices=("sRGB", "linear"),
        help="how camera raw files are developed, into 16-bit TIFFs; needs rawpy (default: sRGB)",
    )


def clean_picture(image, denoiser, args: argparse.Namespace, monitor=None):
    """[1,H,W,C] → the same, denoised as the options say."""
    from ..api import denoise

    return denoise(
        image,
        denoiser,
        sigma=None if args.sigma is None else args.sigma / 255,
        steps=args.steps,
        method=args.method,
        strength=args.strength,
        monitor=monitor,
    )


def load_pair(reference: str | Path, image: str | Path) -> tuple[Tensor, Tensor]:
    """Two files as [1,H,W,C] on one scale, that on which the reference lies in [0,1].

    Each EXR is divided by its own maximum on loading: left so, one twice as bright as the other would equal it.

    Raises:
        PictureError, OSError: as `load_picture`.
    """
    from ..imaging.files import load_picture

    first, first_info = load_picture(reference)
    second, second_info = load_picture(image)
    second[..., :3] *= second_info.scale / first_info.scale
    return first, second


def known_file(name: str) -> str | Path:
    """The file of a name that 'realdenoise list' shows; any other name or path as it is."""
    from .. import host

    return host.denoiser_files().get(name, name)


def open_denoiser(args: argparse.Namespace, device: str | None = None):
    """The denoiser that the options choose, on their device or the given one."""
    from ..models.loader import load_denoiser

    denoiser = load_denoiser(
        known_file(args.denoiser),
        device=device or args.device,
        precision=args.precision,
        tile=args.tile,
        adapter=args.adapter,
        strength=args.adapter_strength,
        compiled=args.compile,
    )
    warn_if_slow(denoiser)
    return denoiser


def warn_if_slow(denoiser) -> None:
    """Say it when the precision that was asked for is only emulated here."""
    from ..models.network_denoiser import NetworkDenoiser

    slow = denoiser.why_slow() if isinstance(denoiser, NetworkDenoiser) else None
    if slow is not None:
        print(f"{denoiser.spec.name}: {slow}.", file=sys.stderr)


def found_files(names: Sequence[str], suffixes: Sequence[str]) -> list[tuple[Path, Path]]:
    """Files, folders and patterns → single files, each with its place below the output folder.

    Raises:
        UsageError: nothing found.
    """
    if "" in names:
        raise UsageError("the name of an input is empty; give a file, a folder or a pattern.")
    found = [pair for name in names for pair in _files(name, suffixes)]
    if not found:
        raise UsageError(f"there is no picture in {', '.join(names)}.")
    return found


def jobs(names: Sequence[str], output: str, suffixes: Sequence[str]) -> list[Job]:
    """Files, folders and patterns → single files with their targets.

    One file goes to OUT itself when that has a picture's ending; everything else goes into the folder OUT, the
    contents of a given folder keeping their tree.

    Raises:
        UsageError: nothing found, or two results of the same name.
    """
    found = found_files(names, suffixes)
    target = Path(output)
    if len(found) == 1 and target.suffix.lower() in suffixes and not target.is_dir():
        return [Job(found[0][0], target)]
    if target.exists() and not target.is_dir():
        raise UsageError(f"'{output}' is a file; several pictures need a folder to go into.")
    made = [Job(source, target / result_name(relative)) for source, relative in found]
    twice = [path for path, count in Counter(job.target for job in made).items() if count > 1]
    if twice:
        raise UsageError(f"several inputs would become '{twice[0]}'; denoise them in separate runs.")
    return made


def result_name(file: AnyPath) -> AnyPath:
    """What the result of a file is called: the same, but a developed raw file becomes a TIFF."""
    from ..imaging.raw import DEVELOPED, RAW_SUFFIXES

    return file.with_suffix(DEVELOPED) if file.suffix.lower() in RAW_SUFFIXES else file


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
