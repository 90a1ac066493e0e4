"""One step of a small training: shared by a test and the processes it starts."""

from pathlib import Path

from realdenoise.training.processes import Processes
from realdenoise.training.recipe import recipe_from
from realdenoise.training.samples import FolderSource
from realdenoise.training.trainer import Trainer


def first_step(folder: str | Path, batch: int, processes: Processes | None = None) -> dict:
    """The gradients of the first step on the pictures in `folder`, and the seconds that the processes agree on."""
    content = {
        "name": "probe",
        "network": "InterpolationUNet",
        "objective": "interpolation",
        "options": {"width": 8, "blocks": [1, 1]},
        "data": {"clean": ["."], "crop": 32, "batch": batch},
        "noise": [{"kind": "gaussian", "low": 5, "high": 50}],
        "schedule": {"steps": 3},
        "optimiser": {"clip_norm": 0.0},
    }
    recipe, part = recipe_from(content), 0 if processes is None else processes.rank
    trainer = Trainer(recipe, FolderSource(recipe, Path(folder), part), [], precision="fp32", processes=processes)
    trainer._step(trainer.source.batch(0))
    gradients = [parameter.grad.clone() for parameter in trainer.network.parameters()]
    return {"gradients": gradients, "seconds": trainer._agree(1.0 + part)}
