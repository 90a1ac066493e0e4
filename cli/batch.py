"""realdenoise batch: a tree of pictures, as often as it takes to finish it."""

from __future__ import annotations

import argparse
import re
from pathlib import Path

from ._errors import UsageError
from ._inputs import add_denoiser_options, add_method_options
from ._numbers import natural

HALF_WRITTEN = re.compile(r"\.[0-9a-f]{8}\.part")
"""What `imaging.files.writing` calls a file until it is whole; nobody else's files may go."""


def add_parser(subparsers: argparse._SubParsersAction) -> None:
    """Options of the command."""
    parser = subparsers.add_parser(
        "batch",
        help="denoise a whole folder, resumable",
        description="Denoise every picture below IN_DIR into the same place below OUT_DIR. Run it again after an "
        "interruption: finished files are skipped, and no file is ever half written. OUT_DIR/manifest.csv has one line "
        "per picture: file, estimated sigma (0–255 scale), seconds, error. All CUDA devices are used; --device takes a "
        "list, such as cuda:0,cuda:1.",
    )
    parser.add_argument("source", metavar="IN_DIR", help="folder with pictures, at any depth")
    parser.add_argument("target", metavar="OUT_DIR", help="folder for the results")
    add_denoiser_options(parser)
    add_method_options(parser)
    parser.add_argument(
        "--retries", type=natural, default=2, metavar="N", help="tries after a failed read or write (2)"
    )
    parser.add_argument(
        "--engine",
        choices=("local", "ray"),
        default="local",
        help="local: all devices of this machine (default). ray: a Ray cluster; IN_DIR and OUT_DIR may then be any URI "
        "that Arrow or fsspec knows, as s3://bucket/folder. Needs the extra [ray]",
    )
    parser.add_argument("--workers", type=natural, default=0, metavar="N", help="ray: denoisers; 0 = one a GPU, or CPU")
    parser.add_argument("--ray-address", metavar="ADDRESS", help="ray: cluster to join ('auto'); default: this machine")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Work on all devices at once; returns 1 if a picture could not be denoised."""
    if args.engine == "ray":
        from ._ray_engine import run as run_on_ray

        return run_on_ray(args)
    from ._manifest import MANIFEST
    from ._tree import find_pictures
    from ._workers import Workers

    source, target = Path(args.source).resolve(), Path(args.target).resolve()
    if not source.is_dir():
        raise UsageError(f"'{args.source}' is no folder.")
    if target.is_relative_to(source) or source.is_relative_to(target):
        raise UsageError("IN_DIR and OUT_DIR must not lie inside each other, or results would become inputs.")
    plan = find_pictures(source)
    if not (len(plan) or plan.videos):
        raise UsageError(f"there is no picture in '{args.source}'.")
    target.mkdir(parents=True, exist_ok=True)
    for path in target.rglob(".*.part"):
        if HALF_WRITTEN.fullmatch(path.name) and path.is_file() and not path.is_symlink():
            path.unlink()
    waiting = {file: result for file, result in plan.results.items() if not (target / result).exists()}
    rows = Workers(args).work(waiting, source, target) if waiting else ()
    return plan.follow(waiting, rows, target / MANIFEST)
