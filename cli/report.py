"""realdenoise report: one page about a benchmark."""

from __future__ import annotations

import argparse
from pathlib import Path


def add_parser(subparsers: argparse._SubParsersAction) -> None:
    """Options of the command."""
    parser = subparsers.add_parser(
        "report",
        help="one page about a benchmark",
        description="Make one self-contained HTML page (charts, tables, example pictures, settings) from a folder that "
        "'realdenoise bench --output FOLDER' has written.",
    )
    parser.add_argument("folder", metavar="FOLDER", help="the benchmark's folder")
    parser.add_argument("-o", "--output", metavar="FILE", help="default: report.html in that folder")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Write the page and say where it is."""
    from ..imaging.files import writing
    from ..measurement.folder import read_folder
    from ..measurement.page import page

    folder = Path(args.folder)
    target = Path(args.output) if args.output else folder / "report.html"
    text = page(*read_folder(folder), folder)
    with writing(target) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="\n")
    print(target)
    return 0
