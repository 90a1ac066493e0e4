"""realdenoise denoise: pictures in, clean pictures out."""

from __future__ import annotations

import argparse
import sys

from ._errors import EXIT_FAILURE, named
from ._inputs import add_denoiser_options, add_method_options, clean_picture, method_of, open_denoiser
from ._jobs import Job, jobs
from ._numbers import real, whole


def add_parser(subparsers: argparse._SubParsersAction) -> None:
    """Options of the command."""
    parser = subparsers.add_parser(
        "denoise",
        help="denoise pictures and videos",
        description="Denoise pictures (PNG and TIFF with 8 or 16 bits per channel, JPEG, WebP, EXR, camera raw), "
        "keeping their size, depth, transparency, colour profile and camera data; and videos, keeping their sound and "
        "timing.",
    )
    parser.add_argument("inputs", nargs="+", metavar="IN", help="files, folders or patterns")
    parser.add_argument("-o", "--output", required=True, metavar="OUT", help="a file for one input, else a folder")
    add_denoiser_options(parser)
    add_method_options(parser)
    parser.add_argument(
        "--temporal",
        type=real(0, 1, open_end=True),
        nargs="?",
        const=0.75,
        default=0.0,
        metavar="X",
        help="videos: steady them along the motion, for less flicker; 0 = off, below 1 = more (given alone: 0.75)",
    )
    parser.add_argument("--codec", metavar="NAME", help="videos: an FFmpeg encoder (default: libx264, WebM libvpx-vp9)")
    parser.add_argument("--crf", type=whole(0, 63), default=16, metavar="Q", help="videos: lower is better (16)")
    parser.add_argument("--overwrite", action="store_true", help="replace files that exist")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Denoise all; a bad file is named and does not stop the others. Returns 1 if there was one."""
    from tqdm import tqdm

    from ..imaging.raw import PHOTO_SUFFIXES
    from ..imaging.video import VIDEO_SUFFIXES
    from ..monitor import Monitor
    from ._workers import FAILURES

    todo = jobs(args.inputs, args.output, (*PHOTO_SUFFIXES, *VIDEO_SUFFIXES))
    denoiser = open_denoiser(args)
    failed = 0
    with tqdm(total=len(todo), unit="picture", disable=len(todo) == 1 and not sys.stderr.isatty()) as bar:
        for number, job in enumerate(todo):

            def progress(fraction: float, preview: object, done: int = number) -> None:
                bar.n = done + fraction
                bar.refresh()

            try:
                _denoise(job, denoiser, args, Monitor(progress))
            except FAILURES as error:
                failed += 1
                bar.write(f"realdenoise denoise: {named(error, job.source)}", file=sys.stderr)
            bar.n = number + 1
            bar.refresh()
    if len(todo) > 1:
        print(f"{len(todo) - failed} of {len(todo)} pictures denoised")
    return EXIT_FAILURE if failed else 0


def _denoise(job: Job, denoiser, args: argparse.Namespace, monitor) -> None:
    from ..imaging.files import PictureError, save_picture
    from ..imaging.raw import load_photo
    from ..imaging.video import VIDEO_SUFFIXES

    if job.target.exists() and not args.overwrite:
        raise PictureError(f"'{job.target}' exists; add --overwrite to replace it.")
    if job.source.suffix.lower() in VIDEO_SUFFIXES:
        return _denoise_video(job, denoiser, args, monitor)
    image, info = load_photo(job.source, args.raw)
    clean = clean_picture(image, denoiser, args, monitor)
    job.target.parent.mkdir(parents=True, exist_ok=True)
    save_picture(clean[0], job.target, info, args.quality)
    return None


def _denoise_video(job: Job, denoiser, args: argparse.Namespace, monitor) -> None:
    from tqdm import tqdm

    from ..clips import denoise_video

    job.target.parent.mkdir(parents=True, exist_ok=True)
    denoise_video(
        job.source,
        job.target,
        denoiser,
        **method_of(args),
        temporal=args.temporal,
        codec=args.codec,
        quality=args.crf,
        monitor=monitor,
    )
    if "left out" in monitor.notes:
        tqdm.write(f"realdenoise denoise: {job.source}: left out: {monitor.notes['left out']}", file=sys.stderr)
