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
    """The facts the file holds, then the card beside it."""
    from pathlib import Path

    from ..models.card import card_text, full_card
    from ..models.loader import load_denoiser
    from ._inputs import known_file

    name = known_file(args.name)
    spec = load_denoiser(name, device="cpu").spec
    print(full_card(spec, Path(name)) if Path(name).is_file() else card_text(spec))
    return 0
