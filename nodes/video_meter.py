"""Video Meter: how clean a clip is, and how restless."""

from __future__ import annotations

import math
from itertools import zip_longest

from torch import Tensor

from .. import host
from ..host_video import clip_of
from ..imaging.flicker import Flicker
from ..imaging.level import DenoiseError
from ..imaging.metrics import psnr
from ..imaging.video_reader import read_video
from .common import SIGMA_SCALE, answer
from .registry import node


@node("Video Meter", category="Video", aliases=("flicker", "temporal stability", "video psnr", "warping error"))
class VideoMeter:
    """Two clips side by side, one frame of each in memory at a time."""

    DESCRIPTION = (
        "Measures a video frame by frame: its flicker, which is what changes from frame to frame beside the motion, "
        "and with a clean reference the PSNR of the mean and of the worst frame. Any length, in constant memory."
    )
    RETURN_TYPES = ("FLOAT", "FLOAT", "FLOAT", "STRING")
    RETURN_NAMES = ("flicker", "psnr", "worst_psnr", "report")
    OUTPUT_TOOLTIPS = (
        "Mean change from frame to frame on the 0–255 scale: of the error when there is a reference, else of the "
        "picture moved along its motion. Compare clips by the same kind only.",
        "Mean PSNR over the frames in dB; NaN without a reference.",
        "PSNR of the worst frame in dB; NaN without a reference.",
        "The numbers as text.",
    )
    FUNCTION = "measure"
    OUTPUT_NODE = True

    @classmethod
    def INPUT_TYPES(cls):  # noqa: N802
        """Inputs in the order of saved workflows: append only."""
        return {
            "required": {"video": ("VIDEO", {"tooltip": "The clip to measure."})},
            "optional": {
                "reference": ("VIDEO", {"tooltip": "The same clip without noise, with as many frames of its size."}),
                "before": ("VIDEO", {"tooltip": "The clip before denoising, to know what denoising has gained."}),
            },
        }

    def measure(self, video, reference=None, before=None):
        """Clips are read again for each measurement rather than kept."""
        found = _measure(video, reference)
        lines = [f"video: {found}"]
        if before is not None:
            lines.append(f"before: {_measure(before, reference)}")
        report = "\n".join(lines)
        return answer(report, found.flicker, found.mean, found.worst, report)


class _Found:
    """Flicker on the 0–255 scale, PSNR per frame in dB."""

    def __init__(self, flicker: float, decibels: list[float], count: int) -> None:
        self.flicker, self._decibels, self._count = flicker, decibels, count

    @property
    def mean(self) -> float:
        """Over the frames that differ from their reference; infinite if none does, NaN without a reference."""
        different = [value for value in self._decibels if not math.isinf(value)]
        return sum(different) / len(different) if different else self.worst

    @property
    def worst(self) -> float:
        return min(self._decibels, default=float("nan"))

    def __str__(self) -> str:
        quality = f"PSNR {self.mean:.2f} dB, worst frame {self.worst:.2f} dB · " if self._decibels else ""
        return f"{quality}flicker {self.flicker:.2f} · {self._count} frames"


def _measure(video, reference) -> _Found:
    monitor, meter, decibels, count = host.monitor(), Flicker(), [], 0
    others = read_video(clip_of(reference)) if reference is not None else None
    for frame, truth in zip_longest(read_video(clip_of(video)), others or ()):
        monitor.check()
        frame, truth = _planes(frame, truth, others is not None)
        meter.add(frame, truth)
        if truth is not None:
            decibels.append(float(psnr(truth.movedim(1, -1), frame.movedim(1, -1))))
        count += 1
    return _Found(SIGMA_SCALE * meter.value, decibels, count)


def _planes(frame: Tensor | None, truth: Tensor | None, compared: bool) -> tuple[Tensor, Tensor | None]:
    if frame is None or (compared and truth is None):
        raise DenoiseError("video and reference have different numbers of frames; give two versions of the same clip.")
    if truth is not None and truth.shape != frame.shape:
        raise DenoiseError(
            f"video has frames of {tuple(frame.shape[1:3])} and reference of {tuple(truth.shape[1:3])} (height, "
            "width); give two versions of the same clip."
        )
    return frame.movedim(-1, 1), None if truth is None else truth.movedim(-1, 1)
