"""realdenoise list: which denoisers there are."""

from __future__ import annotations

import argparse


def add_parser(subparsers: argparse._SubParsersAction) -> None:
    """Options of the command."""
    parser = subparsers.add_parser(
        "list",
        help="denoisers that can be used by name",
        description="List the denoisers that --denoiser takes by name: bundled weights, files in the folders of "
        "REALDENOISE_MODELS, and classical methods.",
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """One line each."""
    from .. import host
    from ..imaging.level import DenoiseError
    from ..models.classical.base import classical
    from ..models.loader import load_network
    from ..models.lora import is_adapter_name

    for name, path in host.denoiser_files().items():
        if is_adapter_name(name):
            continue
        try:
            _, spec = load_network(path)
            told = "told sigma" if spec.needs_sigma else "blind"
            print(f"{name:24} {spec.architecture}, {'gray' if spec.channels == 1 else 'colour'}, {told}")
        except DenoiseError as error:
            print(f"{name:24} cannot be loaded: {error}")
    for name, method in classical().items():
        print(f"{name:24} {method.title}, told sigma or estimates it ({method.paper})")
    print(f"{'zero_shot':24} Zero-Shot Noise2Noise, blind (arXiv 2303.11253)")
    print("\n'realdenoise card NAME' says more about one of them.")
    return 0
