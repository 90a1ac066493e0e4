"""realdenoise quantise: smaller weights, with what they cost."""

from __future__ import annotations

import argparse

from ._errors import UsageError
from ._inputs import add_device_options
from ._numbers import level, real


def add_parser(subparsers: argparse._SubParsersAction) -> None:
    """Options of the command."""
    parser = subparsers.add_parser(
        "quantise",
        help="store a denoiser's weights in fewer bits",
        description="Write a denoiser with bf16, fp16 or int8 weights, and report size, time and PSNR before and "
        "after. Weights shrink on disk and in memory; the arithmetic, and so the speed, stays that of --precision.",
    )
    parser.add_argument("denoiser", metavar="NAME|FILE", help="a bundled name or a weight file")
    parser.add_argument("-o", "--output", required=True, metavar="OUT.safetensors", help="the new weight file")
    parser.add_argument("--to", default="int8", choices=("bf16", "fp16", "int8"), help="default: int8, per channel")
    parser.add_argument("--limit", type=real(), default=0.1, metavar="DB", help="refuse above this loss (default: 0.1)")
    parser.add_argument("--sigma", type=level, default=25.0, metavar="S", help="noise of the probes, 0–255 scale (25)")
    parser.add_argument(
        "--probe", nargs="+", default=[], metavar="PICTURE", help="clean pictures; default: our samples"
    )
    add_device_options(parser)
    parser.add_argument("--overwrite", action="store_true", help="replace a file that exists")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Write the file only if the loss is within the limit."""
    from pathlib import Path

    from ..imaging.files import load_picture
    from ..imaging.sample_photos import CREDITS, load_sample
    from ..models.loader import load_denoiser
    from ..models.quantise import save_quantised
    from ..models.quantise_report import gaussian_probes, quantise_denoiser
    from ._inputs import known_file, warn_if_slow

    output = Path(args.output)
    if output.suffix.lower() != ".safetensors":
        raise UsageError(f"'{output}' must end in .safetensors; change the name.")
    if output.exists() and not args.overwrite:
        raise UsageError(f"'{output}' exists; add --overwrite to replace it.")
    denoiser = load_denoiser(known_file(args.denoiser), device=args.device, precision=args.precision)
    warn_if_slow(denoiser)
    pictures = [load_picture(name)[0] for name in args.probe] or [load_sample(name) for name in CREDITS]
    probes = gaussian_probes(pictures, args.sigma / 255, denoiser.spec)
    smaller, comparison = quantise_denoiser(denoiser, args.to, probes, limit=args.limit)
    save_quantised(output, smaller.network, args.to, denoiser.spec.card)
    print(comparison)
    print(f"{output}: {output.stat().st_size / 1e6:.2f} MB")
    return 0
