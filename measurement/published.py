"""What papers report for colour white Gaussian noise, to stand beside one's own numbers."""

from __future__ import annotations

import re

from .table import DenoiseTable, Model, Score

PSNR: dict[str, dict[str, tuple[float | None, float | None, float | None]]] = {
    "cbsd68": {
        "CBM3D": (33.52, 30.71, 27.38),
        "DnCNN blind": (33.90, 31.24, 27.95),
        "DnCNN-S": (None, 31.31, None),
        "FFDNet": (33.87, 31.21, 27.96),
        "RIDNet": (34.01, 31.37, 28.14),
        "DRUNet": (34.30, 31.69, 28.51),
        "Restormer": (34.39, 31.78, 28.59),
    },
    "kodak24": {
        "CBM3D": (34.28, 32.15, 28.46),
        "DnCNN blind": (34.60, 32.14, 28.95),
        "FFDNet": (34.63, 32.13, 28.98),
        "DRUNet": (35.31, 32.89, 29.86),
        "Restormer": (35.44, 33.02, 30.00),
    },
    "mcmaster": {
        "CBM3D": (34.06, 31.66, 28.51),
        "DnCNN blind": (33.45, 31.52, 28.62),
        "FFDNet": (34.66, 32.35, 29.18),
        "DRUNet": (35.40, 33.14, 30.08),
        "Restormer": (35.55, 33.31, 30.29),
    },
}
"""Data set → method → PSNR in dB at σ 15, 25 and 50: RGB, noise not clipped, mean over the pictures.

CBM3D: Dabov et al. 2007. DnCNN: arXiv 1608.03981. FFDNet: 1710.04026. RIDNet: 1904.07396. DRUNet: 2008.13751.
Restormer, blind: 2111.09881.
"""
PICTURES = {"cbsd68": 68, "kodak24": 24, "mcmaster": 18}
"""Data set → how many pictures it has; the mean over fewer of them is another number."""
PROTOCOL = "RGB, 8 bit"
"""What the papers measured on, in the words of `metrics_report.Protocol`."""
SIGMAS = (15.0, 25.0, 50.0)
"""The papers' noise levels on the 0–255 scale."""
METHODS = {"bm3d": "CBM3D", "FFDNet": "FFDNet", "RIDNet": "RIDNet", "DRUNet": "DRUNet", "Restormer": "Restormer"}
"""Name or architecture → method of the table. DnCNN's file name says whether it is blind or made for one σ."""


def published_psnr(data_set: str, denoiser: str, architecture: str, kind: str, amount: float) -> float | None:
    """The paper's PSNR in dB, or None where there is none for this method, data set and noise.

    Args:
        denoiser: name of the weights: those for gray pictures, or for one other sigma, are not what was published.
    """
    methods = PSNR.get(_key(data_set))
    made_for = re.search(r"sigma_?(\d+)", denoiser.lower())
    other = re.search(r"gr[ae]y", denoiser.lower()) or (made_for and float(made_for[1]) != amount)
    if methods is None or kind != "gaussian" or amount not in SIGMAS or other:
        return None
    method = METHODS.get(denoiser) or METHODS.get(architecture)
    if method is None and architecture == "DnCNN":
        method = "DnCNN blind" if "blind" in denoiser.lower() else "DnCNN-S" if "sigma" in denoiser.lower() else None
    values = methods.get(method or "")
    return None if values is None else values[SIGMAS.index(amount)]


def _key(data_set: str) -> str:
    return data_set.lower().replace("-", "").replace("_", "")


def reference_of(table: DenoiseTable, score: Score) -> float | None:
    """The published PSNR beside a score over the whole data set that the settings name, measured as papers do."""
    model = table.models.get(score.denoiser, Model(""))
    if score.images != PICTURES.get(_key(table.settings.get("data set", ""))):
        return None
    if table.settings.get("measured on", PROTOCOL) != PROTOCOL:
        return None
    data_set, name = table.settings.get("data set", ""), model.weights or score.denoiser
    return published_psnr(data_set, name, model.architecture, score.kind, score.amount)
