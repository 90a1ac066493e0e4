"""One denoiser over many noises and pictures: the loop behind sweeps and benchmarks."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ..imaging.complexity import spatial_information
from ..imaging.estimation import estimate_sigma
from ..imaging.layout import check_image
from ..imaging.level import DenoiseError, Level
from ..imaging.metrics import WINDOW, psnr, ssim
from ..imaging.metrics_report import Protocol
from ..models.contract import Denoiser
from ..monitor import Monitor
from .cases import Case
from .memory import PeakMemory
from .table import DenoiseTable, Model, Row

PUBLISHED_PROTOCOL = Protocol(eight_bit=True)
"""Results are clipped and rounded to 8 bit before they are measured, RGB, without a border, as most papers do."""


@dataclass(frozen=True)
class Picture:
    """A clean picture [1,H,W,1 or 3] on the [0,1] scale, and where there is one its real noisy partner."""

    name: str
    clean: Tensor
    noisy: Tensor | None = None


@dataclass(frozen=True)
class Setting:
    """How the numbers are made.

    seed: of the noise; picture k gets the noise of frame k. tell_sigma: tell denoisers that ask the true level of
    Gaussian noise; else, and for other kinds, they get what is measured in the noisy picture. protocol: of the metrics.
    """

    seed: int = 0
    tell_sigma: bool = True
    protocol: Protocol = PUBLISHED_PROTOCOL

    def words(self) -> dict[str, str]:
        """For the head of a table."""
        told = "told where the noise is Gaussian, else measured" if self.tell_sigma else "measured in the noisy picture"
        return {"measured on": self.protocol.name, "noise level": told, "seed": str(self.seed)}


OnResult = Callable[[Row, Tensor, Tensor], None]
"""Called with the row, the noisy input and the result, [1,H,W,C] each."""


def sweep(
    denoiser: Denoiser,
    pictures: Sequence[Picture],
    cases: Sequence[Case],
    setting: Setting = Setting(),
    *,
    name: str | None = None,
    monitor: Monitor | None = None,
    on_result: OnResult | None = None,
) -> DenoiseTable:
    """Denoise every picture under every noise, one at a time, and measure.

    Args:
        cases: kinds and amounts of noise; empty = the pictures' own noisy partners. name: of the denoiser in the table.
        monitor: progress and cancellation, which every layer of a network asks for.

    Returns:
        A table with one row per picture and noise.

    Raises:
        DenoiseError: nothing to measure, an unusable picture, or no noisy partner where one is needed.
    """
    monitor = monitor or Monitor()
    jobs: list[tuple[int, Picture, Case | None]] = [
        (frame, picture, case) for case in (cases or [None]) for frame, picture in enumerate(pictures)
    ]
    if not jobs:
        raise DenoiseError("there is no picture to measure on.")
    rows = []
    for number, (frame, picture, case) in enumerate(jobs):
        part = monitor.part(number, len(jobs))
        part.check()
        row, noisy, result = _evaluate(denoiser, name or denoiser.spec.name, frame, picture, case, setting, part)
        part.advance(1.0)
        rows.append(row)
        if on_result is not None:
            on_result(row, noisy, result)
    return DenoiseTable(tuple(rows), {rows[0].denoiser: describe(denoiser)}, setting.words())


def _evaluate(
    denoiser: Denoiser, name: str, frame: int, picture: Picture, case: Case | None, setting: Setting, monitor: Monitor
) -> tuple[Row, Tensor, Tensor]:
    clean = check_image(picture.clean, f"picture '{picture.name}'")[:1, ..., :3].float().cpu()
    noisy = _noisy(picture, clean, case, setting, frame)
    planes = noisy.permute(0, 3, 1, 2)
    sigma = case.sigma() if case is not None and setting.tell_sigma else None
    if sigma is None and denoiser.spec.needs_sigma:
        sigma = estimate_sigma(planes)
    started = time.perf_counter()
    with PeakMemory(_device(denoiser)) as peak:
        result = denoiser(planes, Level(sigma), monitor).float().cpu().permute(0, 2, 3, 1)
    seconds = time.perf_counter() - started
    protocol = setting.protocol
    reference, before, measured = protocol.exact(clean), protocol.exact(noisy), protocol(result)
    large = min(reference.shape[1:3]) >= WINDOW
    row = Row(
        denoiser=name,
        kind=case.kind if case else "as given",
        amount=case.amount if case else 0.0,
        image=picture.name,
        psnr=float(psnr(reference, measured)),
        ssim=float(ssim(reference, measured)) if large else float("nan"),
        noisy_psnr=float(psnr(reference, before)),
        noisy_ssim=float(ssim(reference, before)) if large else float("nan"),
        complexity=float(spatial_information(clean)),
        megapixels=clean.shape[1] * clean.shape[2] / 1e6,
        seconds=seconds,
        peak_bytes=peak.bytes,
    )
    return row, noisy, result


def _noisy(picture: Picture, clean: Tensor, case: Case | None, setting: Setting, frame: int) -> Tensor:
    if case is not None:
        return case.noisy(clean, setting.seed, frame)
    if picture.noisy is None:
        raise DenoiseError(f"picture '{picture.name}' has no noisy partner; give one, or name a kind of noise.")
    noisy = check_image(picture.noisy, f"noisy partner of '{picture.name}'")[:1, ..., :3].float().cpu()
    if noisy.shape != clean.shape:
        raise DenoiseError(
            f"picture '{picture.name}' is {tuple(clean.shape[1:])} and its noisy partner {tuple(noisy.shape[1:])}; "
            "they must have the same size."
        )
    return noisy


def _device(denoiser: Any) -> torch.device | None:
    return getattr(getattr(denoiser, "placement", None), "device", None)


def describe(denoiser: Any) -> Model:
    """Architecture, parameters and their bytes; a filter has none."""
    network = getattr(denoiser, "network", None)
    tensors = [*network.parameters(), *network.buffers()] if isinstance(network, torch.nn.Module) else []
    count = sum(p.numel() for p in network.parameters()) if isinstance(network, torch.nn.Module) else 0
    size = sum(t.numel() * t.element_size() for t in tensors)
    return Model(denoiser.spec.architecture, count, size, denoiser.spec.name)
