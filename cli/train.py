"""realdenoise train: follow a training recipe."""

from __future__ import annotations

import argparse
import math
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from ._inputs import add_device_options
from ._numbers import natural, positive, real

if TYPE_CHECKING:
    from ..training.recipe import Recipe

RANK = 8


def add_parser(subparsers: argparse._SubParsersAction) -> None:
    """Options of the command."""
    parser = subparsers.add_parser(
        "train",
        help="train a denoiser by a recipe",
        description="Train a network by a recipe: one that comes with the package, or a TOML file of your own. The "
        "folder OUT gets the best weights, a log, a chart and a checkpoint to resume from. Started by 'accelerate "
        "launch -m realdenoise train …', several processes train together, each with batches of the recipe's size.",
    )
    parser.add_argument("recipe", metavar="RECIPE", help="name of a bundled recipe, or a TOML file")
    parser.add_argument("--data", type=Path, metavar="DIR", help="folder in which the recipe's data folders lie")
    parser.add_argument(
        "--photos",
        type=Path,
        metavar="DIR",
        help="learn from your own clean photographs in DIR alone: instead of the recipe's data, without its teacher "
        "and without weights to start from; of 20 and more, four are not learnt from but validated on",
    )
    parser.add_argument("--out", type=Path, metavar="DIR", help="where results go (default: runs/NAME)")
    parser.add_argument("--minutes", type=real(0), metavar="M", help="train for M minutes, not the recipe's length")
    parser.add_argument("--init", metavar="WEIGHTS", help="start from these weights: a bundled name or a file")
    parser.add_argument(
        "--teacher", metavar="WEIGHTS", help="another teacher than the recipe's: a bundled name or a file; '' = none"
    )
    parser.add_argument(
        "--adapter",
        choices=("lora",),
        help="train low-rank adapters instead of all weights: a small file that is added to the weights of --init",
    )
    parser.add_argument("--rank", type=positive, metavar="R", help=f"size of the adapters (default: {RANK})")
    add_device_options(parser, ("fp32", "bf16"))
    parser.add_argument("--seed", type=natural, help="another seed than the recipe's")
    parser.add_argument("--resume", action="store_true", help="go on from the checkpoint in OUT")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Train; returns 0 when the recipe's length is over."""
    from tqdm import tqdm

    from ..models.placement import resolve_device
    from ..monitor import Monitor
    from ..training.checkpoint import CHECKPOINT
    from ..training.processes import launched_together
    from ..training.run import train_from_folders
    from ._errors import UsageError

    recipe, root = _recipe(args)
    out = args.out or Path("runs") / recipe.name
    if (out / CHECKPOINT).exists() and not args.resume:
        raise UsageError(f"'{out}' holds a run already; add --resume to go on with it, or choose another --out.")
    processes = launched_together(args.device)
    device = str(resolve_device(args.device) if processes is None else processes.device)
    silent = processes is not None and not processes.is_main
    with tqdm(total=1000, bar_format="{l_bar}{bar}| {elapsed}<{remaining} {postfix}", disable=silent) as bar:

        def row(step: int, seconds: float, loss: float, psnr: float) -> None:
            bar.set_postfix_str(f"step {step}, loss {loss:.5f}, PSNR {psnr:.2f} dB")
            if not sys.stderr.isatty():
                print(f"step {step}  {seconds:.0f} s  loss {loss:.5f}  PSNR {psnr:.2f} dB", flush=True)

        def progress(fraction: float, preview: object) -> None:
            bar.update(int(fraction * 1000) - bar.n)

        trained, weights = train_from_folders(
            recipe,
            out,
            root=root,
            device=device,
            precision=args.precision,
            resume=args.resume,
            adapter_rank=(args.rank or RANK) if args.adapter else None,
            monitor=Monitor(progress),
            on_row=row,
            processes=processes,
        )
    if silent:
        return 0
    quality = f"best validation PSNR {trained.progress.best:.2f} dB"
    if not math.isnan(trained.progress.start):
        quality += f" (at the start {trained.progress.start:.2f})"
    print(f"{weights}: {trained.progress.step} steps, {quality}")
    return 0


def _recipe(args: argparse.Namespace) -> tuple[Recipe, Path | None]:
    """The recipe as the options change it, and the folder that its data folders lie in."""
    from dataclasses import replace

    from ..models.loader import bundled
    from ..training.recipe import load_recipe
    from ..training.run import from_photos, shortened
    from ._errors import UsageError

    if args.photos is not None and args.data is not None:
        raise UsageError("--photos learns from that folder alone and --data names other data; leave one of them out.")
    if args.rank is not None and not args.adapter:
        raise UsageError("--rank is the size of adapters, and without --adapter there are none; add --adapter lora.")
    recipe = shortened(load_recipe(args.recipe), args.minutes)
    root = args.data
    if args.photos is not None:
        root, photos = args.photos.resolve().parent, args.photos.resolve().name
        recipe = from_photos(recipe, photos)
    # A recipe's teacher lies below --data, that of the command line where the user stands.
    here = args.teacher and args.teacher not in bundled() and Path(args.teacher).exists()
    teacher = str(Path(args.teacher).resolve()) if here else args.teacher
    changes = {"init": args.init, "teacher": teacher, "seed": args.seed}
    return replace(recipe, **{key: value for key, value in changes.items() if value is not None}), root
