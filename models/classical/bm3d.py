"""BM3D through the authors' package, an optional extra for non-commercial use (Dabov et al. 2007)."""

from __future__ import annotations

import importlib

import numpy as np
import torch
from torch import Tensor

from ...imaging.level import DenoiseError
from ...monitor import Monitor
from .base import ClassicalDenoiser, register


def bm3d(image: Tensor, sigma: Tensor, monitor: Monitor) -> Tensor:
    """Block matching and 3-D filtering of [1,C,H,W]; colour in an opponent space. sigma on the [0,1] scale.

    Raises:
        DenoiseError: the package `bm3d` is not installed.
    """
    try:
        package = importlib.import_module("bm3d")
    except ImportError as error:
        raise DenoiseError(
            "BM3D needs the package bm3d (licensed for non-commercial use only): pip install bm3d, or choose 'nlm'."
        ) from error
    picture = image[0].permute(1, 2, 0).double().cpu().numpy()
    run = package.bm3d_rgb if picture.shape[-1] == 3 else package.bm3d
    clean = np.asarray(run(picture, float(sigma))).reshape(picture.shape)
    return torch.from_numpy(clean).permute(2, 0, 1)[None].to(image)


register(ClassicalDenoiser("bm3d", "BM3D (non-commercial extra)", "Dabov, Foi, Katkovnik, Egiazarian 2007", bm3d))
