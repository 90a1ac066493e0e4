"""realdenoise report: one page about a benchmark."""

from __future__ import annotations

import argparse
from pathlib import Path


def add_parser(subparsers: argparse._SubParsersAction) -> None:
    """Options of the command."""
    parser = subparsers.add_parser(
        "report",
        help="one page about a benchmark",
        description="Make one self-contained HTML page (charts, tables, example pictures, settings) from folders that "
        "'realdenoise bench --output FOLDER' has written; several are joined.",
    )
    parser.add_argument("folders", nargs="+", metavar="FOLDER", help="a benchmark's folder")
    parser.add_argument(
        "-o", "--output", metavar="FILE", help="default: report.html in the first folder; with .md only the tables"
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Write the page and say where it is."""
    from dataclasses import replace

    from ..imaging.files import writing
    from ..measurement.folder import read_folder
    from ..measurement.page import page
    from ..measurement.table import join_named
    from ..measurement.text import to_markdown

    folders = [Path(folder) for folder in args.folders]
    found = [read_folder(folder) for folder in folders]
    table, renamed = join_named(part for part, _ in found)
    examples = {}
    for folder, (_, own), names in zip(folders, found, renamed, strict=True):
        for each in own:
            label = names.get(each.label, each.label)
            examples[each.case, each.image, label] = (replace(each, label=label), folder)
    target = Path(args.output) if args.output else folders[0] / "report.html"
    text = to_markdown(table) if target.suffix == ".md" else page(table, list(examples.values()))
    with writing(target) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="\n")
    print(target)
    return 0
