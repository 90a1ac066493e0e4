"""A recipe of seconds and pictures to learn from: shared by the tests of training."""

from pathlib import Path

import numpy as np
from PIL import Image
from realdenoise.training.recipe import Recipe, recipe_from
from realdenoise.training.samples import FolderSource
from realdenoise.training.trainer import Trainer
from realdenoise.training.validation import probes_from_folders
from skimage import data

GAUSSIAN = {"kind": "gaussian", "low": 15, "high": 35}


def recipe(**changes) -> Recipe:
    content = {
        "name": "tiny",
        "network": "DnCNN",
        "objective": "regression",
        "options": {"depth": 4, "width": 12},
        "data": {"clean": ["pictures"], "crop": 32, "batch": 4},
        "noise": [GAUSSIAN],
        "schedule": {"steps": 60, "learning_rate": 3e-3},
        "optimiser": {"ema": 0.9},
        "validation": {"every": 30, "pictures": 2, "crop": 64},
    }
    return recipe_from({**content, **changes})


def make_pictures(folder: Path) -> Path:
    """Two photographs, one file that is none, and a tiny one, in `folder`/pictures."""
    (folder / "pictures").mkdir()
    Image.fromarray(data.chelsea()[:96, 100:228]).save(folder / "pictures" / "cat.png")
    Image.fromarray(data.astronaut()[:96, 150:278]).save(folder / "pictures" / "face.png")
    Image.fromarray(np.zeros((9, 9, 3), np.uint8)).save(folder / "pictures" / "tiny.png")
    (folder / "pictures" / "broken.jpg").write_bytes(b"\xff\xd8 not a picture")
    return folder


def trainer(plan: Recipe, root, **options) -> Trainer:
    return Trainer(plan, FolderSource(plan, root), probes_from_folders(plan, root), precision="fp32", **options)
