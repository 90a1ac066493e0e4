"""realdenoise compare: PSNR and SSIM of two pictures."""

from __future__ import annotations

import argparse
import math


def add_parser(subparsers: argparse._SubParsersAction) -> None:
    """Options of the command."""
    parser = subparsers.add_parser(
        "compare",
        help="PSNR and SSIM of two pictures",
        description="Measure a picture against its reference: PSNR in dB and SSIM (11x11 Gaussian window, Wang 2004).",
    )
    parser.add_argument("reference", metavar="REFERENCE", help="the clean picture")
    parser.add_argument("image", metavar="IMAGE", help="the picture to measure")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print both measures; transparency is not counted."""
    from ..imaging.metrics import WINDOW, psnr, ssim
    from ._inputs import load_pair

    pair = load_pair(args.reference, args.image)
    reference, image = (picture[..., :3] for picture in pair)
    if reference.shape[-1] != image.shape[-1]:  # gray counts as RGB when the other one is
        reference, image = (t.expand(*t.shape[:3], 3) for t in (reference, image))
    decibels = float(psnr(reference, image))
    words = "identical" if math.isinf(decibels) else f"PSNR {decibels:.2f} dB"
    if min(image.shape[1:3]) >= WINDOW:
        words += f", SSIM {float(ssim(reference, image)):.4f}"
    print(words + (" (transparency left out)" if any(picture.shape[-1] == 4 for picture in pair) else ""))
    return 0
