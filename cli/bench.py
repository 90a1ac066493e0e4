"""realdenoise bench: denoisers ranked on one's own pictures."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from ._errors import UsageError
from ._inputs import add_device_options
from ._numbers import natural, positive


def add_parser(subparsers: argparse._SubParsersAction) -> None:
    """Options of the command."""
    parser = subparsers.add_parser(
        "bench",
        help="rank denoisers on pictures of your own",
        description="Add noise to clean pictures (or take real noisy ones), denoise them with every denoiser, and "
        "print a ranking: PSNR, SSIM, gain, speed, memory, size. Results are clipped and rounded to 8 bit before they "
        "are measured.",
    )
    parser.add_argument("clean", nargs="+", metavar="CLEAN", help="clean pictures: files, folders or patterns")
    parser.add_argument(
        "--denoiser",
        action="append",
        required=True,
        metavar="[LABEL=]NAME|FILE",
        help="a bundled name, a classical method or a weight file, called LABEL in the results; repeat it for several",
    )
    parser.add_argument(
        "--noise",
        default="gaussian: 15, 25, 50",
        metavar="KINDS",
        help="kinds of noise and their amounts (sigma 0–255 for gaussian), as in 'gaussian: 15, 25; jpeg: 20' "
        "(default: '%(default)s')",
    )
    parser.add_argument(
        "--noisy", nargs="+", metavar="NOISY", help="real noisy pictures instead, paired with CLEAN in sorted order"
    )
    parser.add_argument("--first", type=positive, metavar="N", help="only the first N pictures")
    parser.add_argument("--data-set", metavar="NAME", help="name in the head; published PSNR for CBSD68 and others")
    parser.add_argument("--seed", type=natural, default=0, metavar="N", help="of the noise (default: 0)")
    parser.add_argument(
        "--measure-sigma", action="store_true", help="measure the noise level instead of telling the true one"
    )
    parser.add_argument("--luma", action="store_true", help="measure on the Y channel of BT.601 instead of RGB")
    parser.add_argument("--border", type=natural, default=0, metavar="PIXELS", help="left out on every side")
    add_device_options(parser)
    parser.add_argument(
        "-o", "--output", metavar="FOLDER", help="write JSON, CSV, Markdown, charts and example crops into a folder"
    )
    parser.add_argument(
        "--examples", type=natural, default=2, metavar="N", help="pictures to keep crops of (default: 2)"
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Results are written after every denoiser, so that an interrupted run keeps what it has."""
    from ..imaging.metrics_report import Protocol
    from ..measurement.cases import parse_cases
    from ..measurement.folder import Examples, write_folder
    from ..measurement.sweep import Setting, sweep
    from ..measurement.table import join
    from ..measurement.text import to_markdown

    cases = [] if args.noisy else parse_cases(args.noise)
    pictures = _pictures(args)
    setting = Setting(args.seed, not args.measure_sigma, Protocol(args.border, args.luma, eight_bit=True))
    denoisers = _denoisers(args)
    folder = Path(args.output) if args.output else None
    examples = Examples(folder, pictures[: args.examples]) if folder else None
    tables = []
    for name, denoiser in denoisers.items():
        with _bar(name, max(1, len(cases)) * len(pictures)) as bar:

            def on_result(row, noisy, result, bar=bar) -> None:
                bar.update(1)
                if examples is not None:
                    examples.keep(row, noisy, result)

            tables.append(sweep(denoiser, pictures, cases, setting, name=name, on_result=on_result))
        if folder is not None and examples is not None:
            write_folder(folder, _described(join(tables), args), examples.found)
    print(to_markdown(_described(join(tables), args)))
    if folder is not None:
        print(f"written to {folder}; 'realdenoise report {folder}' makes a page of it")
    return 0


def _pictures(args: argparse.Namespace) -> list:
    from ..measurement.sweep import Picture

    clean = _files(args.clean)[: args.first]
    noisy = _files(args.noisy)[: args.first] if args.noisy else [None] * len(clean)
    if len(noisy) != len(clean):
        raise UsageError(f"there are {len(clean)} clean and {len(noisy)} noisy pictures; give one noisy per clean one.")
    pairs = zip(_names(clean), clean, noisy, strict=True)
    return [Picture(name, *_loaded(path, partner)) for name, path, partner in pairs]


def _names(files: list[Path]) -> list[str]:
    """What pictures are called in the results: as short as tells them apart."""
    forms = [[path.stem for path in files], [path.name for path in files], [path.as_posix() for path in files]]
    return next((names for names in forms if len({*names}) == len(names)), forms[-1])


def _loaded(clean: Path, noisy: Path | None) -> tuple:
    from ..imaging.files import load_picture
    from ._inputs import load_pair

    return (load_picture(clean)[0], None) if noisy is None else load_pair(clean, noisy)


def _files(names: list[str]) -> list[Path]:
    from ..imaging.files import SUFFIXES
    from ._jobs import found_files

    return [file for file, _ in found_files(names, SUFFIXES)]


def _denoisers(args: argparse.Namespace) -> dict:
    """Every denoiser under its label or its own name; two of one name get a number."""
    from ..models.loader import load_denoiser
    from ._inputs import known_file, warn_if_slow

    loaded: dict = {}
    for word in args.denoiser:
        label, sign, source = word.partition("=")
        if not sign or Path(word).exists():  # a file may have the sign in its name
            label, source = "", word
        denoiser = load_denoiser(known_file(source.strip()), device=args.device, precision=args.precision)
        warn_if_slow(denoiser)
        wanted = label.strip() or denoiser.spec.name
        name, number = wanted, 1
        while name in loaded:
            number += 1
            name = f"{wanted} ({number})"
        loaded[name] = denoiser
    return loaded


def _described(table, args: argparse.Namespace):
    """The table with its data set and machine in the head."""
    import platform

    import torch

    data_set = {"data set": args.data_set} if args.data_set else {}
    machine = f"{platform.machine()}, {torch.get_num_threads()} CPU threads, torch {torch.__version__}"
    return table.with_settings({**data_set, "precision": args.precision, "device": args.device, "machine": machine})


def _bar(name: str, total: int):
    from tqdm import tqdm

    return tqdm(total=total, desc=name, unit="picture", disable=not sys.stderr.isatty())
