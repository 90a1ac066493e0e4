"""BM3D through the authors' package, an optional extra for non-commercial use (Dabov et al. 2007)."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ...imaging.level import DenoiseError
from ...monitor import Monitor
from .base import ClassicalDenoiser, register

SMALLEST = 8
"""Side of a block."""
PATIENCE = 0.1
"""Seconds between two looks at whether the user has cancelled."""


def package() -> Any:
    """The authors' package. Raises DenoiseError when it is not installed."""
    try:
        return importlib.import_module("bm3d")
    except ImportError as error:
        raise DenoiseError(
            "BM3D needs the package bm3d (licensed for non-commercial use only): pip install bm3d, or choose 'nlm'."
        ) from error


def bm3d(image: Tensor, sigma: Tensor, monitor: Monitor) -> Tensor:
    """Block matching and 3-D filtering of [1,C,H,W]; colour in an opponent space. sigma on the [0,1] scale.

    Raises:
        DenoiseError: see `package`; a picture smaller than a block.
    """
    library = package()
    if min(image.shape[-2:]) < SMALLEST:
        raise DenoiseError(
            f"BM3D needs at least {SMALLEST} pixels a side, got {tuple(image.shape[-2:])}; choose 'nlm'."
        )
    picture = image[0].permute(1, 2, 0).double().cpu().numpy()
    run = library.bm3d_rgb if picture.shape[-1] == 3 else library.bm3d
    clean = np.asarray(_watched(run, picture, float(sigma), monitor)).reshape(picture.shape)
    return torch.from_numpy(clean).permute(2, 0, 1)[None].to(image)


def _watched(run: Callable[..., Any], picture: np.ndarray, sigma: float, monitor: Monitor) -> Any:
    """What `run` answers, from a thread of its own, as it takes many seconds and never asks whether to go on.

    When the user cancels, the caller is free at once; the thread ends with its picture.
    """
    pool = ThreadPoolExecutor(1, thread_name_prefix="bm3d")
    answer = pool.submit(run, picture, sigma)
    pool.shutdown(wait=False)
    while not answer.done():
        monitor.check()
        wait([answer], timeout=PATIENCE)
    return answer.result()


register(
    ClassicalDenoiser(
        "bm3d", "BM3D (non-commercial extra)", "Dabov, Foi, Katkovnik, Egiazarian 2007", bm3d, needs=package
    )
)
