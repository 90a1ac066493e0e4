"""One recipe from folders to a weight file: log, chart, checkpoint and the best weights in one folder."""

from __future__ import annotations

import csv
import io
import logging
import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import torch
from PIL import Image

from ..imaging.charts import Series, line_chart
from ..imaging.files import writing
from ..models.lora import KIND, METADATA, adapted, adapter_tensors
from ..models.spandrel_bridge import file_names
from ..monitor import Monitor
from .checkpoint import Progress, save_network
from .network import make_student
from .objectives import Student
from .processes import Processes
from .recipe import Recipe, RecipeError
from .samples import FolderSource, under
from .trainer import Trained, Trainer
from .validation import held_out, probes_from_folders

_log = logging.getLogger("realdenoise")
HEADER = ("step", "seconds", "loss", "psnr")


def train_from_folders(
    recipe: Recipe,
    out: Path,
    *,
    root: Path | None = None,
    device: str = "cpu",
    precision: str = "auto",
    resume: bool = False,
    adapter_rank: int | None = None,
    monitor: Monitor | None = None,
    on_row: Callable[[int, float, float, float], None] | None = None,
    processes: Processes | None = None,
) -> tuple[Trained, Path]:
    """Train, and leave `<name>.safetensors`, `log.csv`, `chart.png` and `checkpoint.pt` in `out`.

    Args:
        root: folder that the recipe's relative data folders lie in.
        adapter_rank: learn low-rank adapters for the recipe's `init` instead of all weights; the file is then called
            `<name>_lora.safetensors` and holds them alone.
        on_row: see `Trainer.run`; the log and the chart on disk are brought up to date before each call.
        processes: the others that train with this one; only the first writes.

    Returns:
        The result and the path of the weight file. Interrupting leaves the best weights so far there, too. Weights of
        `init` that no step made better are the best.

    Raises:
        RecipeError, DenoiseError: see `Trainer`, `FolderSource`, `adapted`; no `init` to adapt; `out` in a data folder.
    """
    _check_place(recipe, root, out)
    student = None if adapter_rank is None else _adapter_student(recipe, adapter_rank)
    source = FolderSource(recipe, root, part=0 if processes is None else processes.rank, without=held_out(recipe, root))
    trainer = Trainer(
        recipe,
        source,
        probes_from_folders(recipe, root),
        device=device,
        precision=precision,
        folder=out,
        resume=resume,
        student=student,
        root=root,
        processes=processes,
    )
    weights = out / f"{recipe.name}{'' if student is None else '_lora'}.safetensors"
    if processes is not None and not processes.is_main:
        return trainer.run(monitor), weights
    _tell_skipped(source.skipped, out / "skipped.txt")

    def row(*values: float) -> None:
        write_log(trainer.progress, out)
        if on_row is not None:
            on_row(*values)  # type: ignore[arg-type]

    try:
        trainer.run(monitor, row)
    finally:
        if trainer.progress.step:
            _save(recipe, trainer, weights, adapter=student is not None)
    return trainer.result(), weights


def _save(recipe: Recipe, trainer: Trainer, weights: Path, adapter: bool) -> None:
    trained = trainer.result()
    words = metadata(recipe, trained)
    if adapter:
        save_adapter(trained.state, weights, words)
    else:
        save_network(file_names(trainer.network, trained.state), weights, words)


def _adapter_student(recipe: Recipe, rank: int) -> Student:
    """The recipe's network with new adapters."""
    if not recipe.init:
        raise RecipeError("recipe entry 'init' is missing; adapters need weights to add to, so pass --init too.")
    student = make_student(recipe)
    return replace(student, network=adapted(student.network, rank, recipe.seed))


def save_adapter(state: Mapping[str, torch.Tensor], path: Path, words: Mapping[str, str]) -> None:
    """The adapters alone, out of an adapted network's state, as fp16 safetensors."""
    save_network(adapter_tensors(state), path, {**words, METADATA: KIND})


def _check_place(recipe: Recipe, root: Path | None, out: Path) -> None:
    """A chart in the midst of the pictures would be learnt from as soon as the run is resumed."""
    plan = recipe.validation
    for folder in (*recipe.data.clean, *recipe.data.pairs, *plan.clean, *plan.pairs):
        if out.resolve().is_relative_to(under(root, folder).resolve()):
            raise RecipeError(f"'{out}' lies inside the data folder '{folder}'; choose another --out for the results.")


def _tell_skipped(skipped: Mapping[str, str], file: Path) -> None:
    lines = "".join(f"{path}: {reason}\n" for path, reason in sorted(skipped.items()))
    with writing(file) as temporary:
        temporary.write_text(lines or "nothing was skipped\n", encoding="utf-8")
    if skipped:
        _log.warning("%d files cannot be learnt from; %s says why.", len(skipped), file)


def metadata(recipe: Recipe, trained: Trained) -> dict[str, str]:
    """What the weight file says of itself."""
    spec, progress = trained.spec, trained.progress
    return {
        **{name: spec.card[name] for name in ("config", "scheduler", "classes") if name in spec.card},
        "architecture": spec.architecture,
        "prediction": spec.prediction,
        "conditioning": spec.conditioning,
        "objective": recipe.objective,
        "recipe": recipe.name,
        "data": ", ".join((*recipe.data.clean, *recipe.data.pairs)),
        "steps": f"{progress.step} of {recipe.data.batch}x{recipe.data.crop}x{recipe.data.crop}",
        "hours": f"{progress.seconds / 3600:.2f}",
        **({"validation_psnr": f"{progress.best:.2f}"} if math.isfinite(progress.best) else {}),
        "torch": torch.__version__,
        **({"started from": Path(recipe.init).stem} if recipe.init else {}),
        **({"teacher": f"{Path(recipe.teacher).stem}, share {recipe.teacher_share:g}"} if recipe.teacher else {}),
        **({"notes": recipe.notes} if recipe.notes else {}),
    }


def write_log(progress: Progress, out: Path) -> None:
    """log.csv and chart.png, whole or not at all."""
    table = io.StringIO()
    writer = csv.writer(table, lineterminator="\n")
    writer.writerow(HEADER)
    writer.writerows(progress.rows)
    with writing(out / "log.csv") as path:
        path.write_text(table.getvalue(), encoding="utf-8")
    picture = (training_chart(progress)[0] * 255).round().to(torch.uint8).numpy()
    with writing(out / "chart.png") as path:
        Image.fromarray(picture).save(path, "PNG")


def training_chart(progress: Progress) -> torch.Tensor:
    """[1,H,W,3] in [0,1]: loss above, validation PSNR below, over the steps."""
    steps, _, losses, decibels = (list(column) for column in zip(*progress.rows, strict=True))
    shape = {"x_label": "step", "width": 960, "height": 360}
    loss = line_chart([Series("loss", steps, losses)], title="Training loss", y_label="loss", **shape)
    quality = line_chart([Series("PSNR", steps, decibels)], title="Validation", y_label="PSNR (dB)", **shape)
    return torch.cat([loss, quality], dim=1)


def shortened(recipe: Recipe, minutes: float | None) -> Recipe:
    """The recipe with its length replaced by minutes, if given."""
    return recipe if minutes is None else replace(recipe, schedule=replace(recipe.schedule, minutes=minutes, steps=0))


def from_photos(recipe: Recipe, name: str) -> Recipe:
    """The recipe on the clean pictures of folder `name` alone: no pairs, no teacher, no weights to start from.

    So nothing is in the result but what those pictures hold, and nobody else's terms. Where they are many, it is
    measured on some that are not learnt from.
    """
    data = replace(recipe.data, clean=(name,), pairs=(), pair_share=0.0)
    validation = replace(recipe.validation, clean=(), pairs=(), held_out=True)
    return replace(recipe, data=data, validation=validation, init="", teacher="")
