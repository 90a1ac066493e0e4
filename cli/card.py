"""realdenoise card: what a denoiser is, how it was made and what it is bad at."""

from __future__ import annotations

import argparse


def add_parser(subparsers: argparse._SubParsersAction) -> None:
    """Options of the command."""
    parser = subparsers.add_parser(
        "card",
        help="what a denoiser is and how it was made",
        description="Print a denoiser's card: architecture, training, data and its licence, numbers, weaknesses.",
    )
    parser.add_argument("name", metavar="NAME|FILE", help="a name from 'realdenoise list', or a weight file")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """The facts the file holds, then the written card of a bundled one."""
    from ..models.card import card_text
    from ..models.loader import WEIGHTS, load_denoiser

    print(card_text(load_denoiser(args.name, device="cpu").spec))
    written = WEIGHTS / f"{args.name}.md"
    if written.is_file():
        print("\n" + written.read_text(encoding="utf-8"))
    return 0
