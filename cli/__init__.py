"""The `realdenoise` command.

Every file beside this one whose name does not start with an underscore is a command of that name (`_` reads `-`).
It offers `add_parser(subparsers)`, which adds its argparse parser under that name with `set_defaults(run=run)`, and
`run(args) -> int`, which returns the exit code. Heavy libraries are imported inside `run`.
"""

from __future__ import annotations

import argparse
import importlib
import os
import pkgutil
import sys
from collections.abc import Sequence

from ._errors import EXIT_FAILURE, EXIT_INTERRUPTED, EXIT_USAGE, UsageError, sentence

__all__ = ["main"]
OUTPUTS = ("output", "out", "target")
"""What commands call the place of their results."""


def build_parser() -> argparse.ArgumentParser:
    """The parser with all commands."""
    parser = argparse.ArgumentParser(prog="realdenoise", description="Denoise pictures and measure the result.")
    subparsers = parser.add_subparsers(title="commands", dest="command", metavar="COMMAND", required=True)
    for module in pkgutil.iter_modules(__path__):
        if not module.name.startswith("_"):
            importlib.import_module(f".{module.name}", __name__).add_parser(subparsers)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code: 0 done, 1 something failed, 2 wrong usage, 130 interrupted.

    Args:
        argv: the words after `realdenoise`; None = those of this process.
    """
    os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")  # large pages, see prestartup_script.py; before PyTorch loads
    try:
        args = build_parser().parse_args(argv)
    except SystemExit as end:  # argparse has already said what is wrong, or shown the help
        return EXIT_USAGE if end.code else 0
    try:
        _check_output(args)
        return args.run(args)
    except UsageError as error:
        print(f"realdenoise {args.command}: {error}", file=sys.stderr)
        return EXIT_USAGE
    except (ValueError, TypeError, OSError, RuntimeError, MemoryError) as error:  # the last two: PyTorch's own
        print(f"realdenoise {args.command}: {sentence(error)}", file=sys.stderr)
        return EXIT_FAILURE
    except KeyboardInterrupt:
        print(f"realdenoise {args.command}: interrupted.", file=sys.stderr)
        return EXIT_INTERRUPTED


def _check_output(args: argparse.Namespace) -> None:
    """Raise DenoiseError when results would go to a place that some system cannot write."""
    places = [str(place) for place in (getattr(args, name, None) for name in OUTPUTS) if place is not None]
    if places and "://" not in places[0]:
        from ..imaging.names import check_name

        check_name(places[0])
