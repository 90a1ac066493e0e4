"""realdenoise run: a ComfyUI workflow file without ComfyUI."""

from __future__ import annotations

import argparse
import sys


def add_parser(subparsers: argparse._SubParsersAction) -> None:
    """Options of the command."""
    parser = subparsers.add_parser(
        "run",
        help="run a ComfyUI workflow file",
        description="Run a workflow saved by ComfyUI (UI or API format) that uses this pack's nodes and the basic "
        "picture nodes of ComfyUI. Saved pictures have the same pixels as in ComfyUI.",
    )
    parser.add_argument("workflow", metavar="WORKFLOW.json", help="the workflow file")
    parser.add_argument("--input", metavar="FILE", help="a picture in place of Sample Photo, else of Load Image")
    parser.add_argument("--output", metavar="DIR", help="folder for saved pictures (default: ./output)")
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="NODE.WIDGET=VALUE",
        help="change a widget, as in 'Denoise Image.strength=0.8'; the node by title or id; may be repeated",
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Run it, and print what the nodes show and save."""
    from ..headless.run import run_workflow, text_of

    def show(title: str, ui: dict) -> None:
        for line in text_of(ui):
            print(f"{title}: {line}")
        for file in ui.get("files", []):
            print(f"saved {file}")

    def started(title: str) -> None:
        if sys.stderr.isatty():
            print(f"{title} …", file=sys.stderr)

    run_workflow(
        args.workflow,
        picture=args.input,
        output=args.output,
        settings=args.set,
        on_node=show,
        remark=print,
        on_start=started,
    )
    return 0
