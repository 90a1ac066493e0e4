"""What several commands share: options, pairs of pictures, loading a denoiser."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ._errors import UsageError
from ._numbers import level, natural, positive, real, share, whole

if TYPE_CHECKING:
    from torch import Tensor


def add_denoiser_options(parser: argparse.ArgumentParser) -> None:
    """Options that choose and place a denoiser."""
    parser.add_argument(
        "--denoiser",
        default="interpolation_unet",
        metavar="NAME|FILE",
        help="a bundled name, a classical method or a weight file; see 'realdenoise list' (default: %(default)s)",
    )
    add_device_options(parser)
    parser.add_argument("--tile", type=natural, default=0, metavar="PIXELS", help="side of a tile; 0 = automatic")
    parser.add_argument(
        "--compile", action="store_true", help="run networks through torch.compile: pays only after minutes of work"
    )
    parser.add_argument("--adapter", metavar="FILE", help="add a low-rank adapter made by 'train --adapter lora'")
    parser.add_argument(
        "--adapter-strength", type=real(), default=1.0, metavar="X", help="how much of the adapter (default: 1)"
    )


def add_device_options(parser: argparse.ArgumentParser, precisions: Sequence[str] = ("fp32", "bf16", "fp16")) -> None:
    """Where and in which precision networks compute."""
    parser.add_argument("--precision", default="auto", choices=("auto", *precisions), help="arithmetic")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:1, mps …")


def add_method_options(parser: argparse.ArgumentParser) -> None:
    """Options that say how a picture is denoised and written."""
    parser.add_argument("--sigma", type=level, metavar="S", help="noise level on the 0–255 scale; default: automatic")
    parser.add_argument("--steps", type=positive, default=1, metavar="N", help="interpolation steps (default: 1)")
    parser.add_argument("--method", default="improved", choices=("improved", "origin"), help="how steps are taken")
    parser.add_argument(
        "--strength", type=share, default=1.0, metavar="X", help="1 = denoised, 0 = the input (default: 1)"
    )
    parser.add_argument(
        "--quality", type=whole(1, 100), default=95, metavar="Q", help="of JPEG and WebP; 100 = lossless WebP (95)"
    )
    parser.add_argument(
        "--raw",
        default="sRGB",
        choices=("sRGB", "linear"),
        help="how camera raw files are developed, into 16-bit TIFFs; needs rawpy (default: sRGB)",
    )


def clean_picture(image, denoiser, args: argparse.Namespace, monitor=None):
    """[1,H,W,C] → the same, denoised as the options say."""
    from ..api import denoise

    return denoise(image, denoiser, **method_of(args), monitor=monitor)


def method_of(args: argparse.Namespace) -> dict[str, Any]:
    """What the options of `add_method_options` say to `denoise` and `denoise_video`."""
    sigma = None if args.sigma is None else args.sigma / 255
    return {"sigma": sigma, "steps": args.steps, "method": args.method, "strength": args.strength}


def load_pair(reference: str | Path, image: str | Path) -> tuple[Tensor, Tensor]:
    """Two files as [1,H,W,C] on one scale, that on which the reference lies in [0,1].

    Each EXR is divided by its own maximum on loading: left so, one twice as bright as the other would equal it.

    Raises:
        PictureError, OSError: as `load_picture`.
    """
    from ..imaging.files import load_picture

    first, first_info = load_picture(reference)
    second, second_info = load_picture(image)
    second[..., :3] *= second_info.scale / first_info.scale
    return first, second


def known_file(name: str) -> str | Path:
    """The file of a name that 'realdenoise list' shows; any other name or path as it is."""
    from .. import host

    return host.denoiser_files().get(name, name)


def open_denoiser(args: argparse.Namespace, device: str | None = None):
    """The denoiser that the options choose, on their device or the given one."""
    from ..models.loader import load_denoiser

    check_device(device or args.device)
    denoiser = load_denoiser(
        known_file(args.denoiser),
        device=device or args.device,
        precision=args.precision,
        tile=args.tile,
        adapter=args.adapter,
        strength=args.adapter_strength,
        compiled=args.compile,
    )
    warn_if_slow(denoiser)
    return denoiser


def check_device(name: str) -> None:
    """Raise UsageError for what is no device anywhere; whether it is here, loading the denoiser will tell."""
    import torch

    try:
        torch.device("cpu" if name == "auto" else name)
    except RuntimeError as error:
        raise UsageError(f"device '{name}' is unknown; try auto, cpu, cuda, cuda:1 or mps.") from error


def warn_if_slow(denoiser) -> None:
    """Say it when the precision that was asked for is only emulated here."""
    from ..models.network_denoiser import NetworkDenoiser

    slow = denoiser.why_slow() if isinstance(denoiser, NetworkDenoiser) else None
    if slow is not None:
        print(f"{denoiser.spec.name}: {slow}.", file=sys.stderr)
