"""Denoising a clip, frame by frame: the one path of the node, the command and Python."""

from __future__ import annotations

import os

from torch import Tensor

from .api import denoise
from .imaging.clip import Clip
from .imaging.estimation import estimate_sigma
from .imaging.temporal import TemporalBlend
from .imaging.video import convert_video
from .imaging.video_encoder import Encoding
from .models.contract import Denoiser
from .monitor import Monitor


def denoise_video(
    source: str | os.PathLike[str] | Clip,
    target: str | os.PathLike[str],
    denoiser: Denoiser,
    *,
    sigma: float | None = None,
    steps: int = 1,
    method: str = "improved",
    strength: float = 1.0,
    temporal: float = 0.0,
    codec: str | None = None,
    quality: int = Encoding.quality,
    monitor: Monitor | None = None,
) -> int:
    """Denoise a video file or clip into a file, keeping sound and timing; returns the number of frames.

    One frame is in memory at a time, however long the clip is.

    Args:
        denoiser: from `load_denoiser`.
        sigma: noise level on the [0,1] scale; None = unknown: measured, as the mean over the frames so far, for
            denoisers that must be told.
        steps, method, strength: see `denoise`.
        temporal: 0 = every frame for itself; below 1, how much of the past `TemporalBlend` may use, for less flicker.
        codec: an FFmpeg encoder; None = H.264, in WebM VP9. quality: its CRF, lower is better and larger.
        monitor: gets a note "left out" on tracks of the file, and transparency, that the new one does not hold.

    Raises:
        PictureError: no video, damaged, or a codec that is missing or that the container does not take.
        DenoiseError: PyAV is missing. TypeError, ValueError: an unusable setting. OSError: missing or not writable.
    """
    if not 0 <= strength <= 1:
        raise ValueError(f"strength must be between 0 and 1, got {strength}.")
    monitor = monitor or Monitor()
    frames = _Frames(denoiser, sigma, steps, method, strength, temporal, monitor)

    def on_frame(done: int, expected: int) -> None:
        monitor.advance(min(1.0, done / expected) if expected else 0.0, frames.latest)

    def on_left_out(words: str) -> None:
        monitor.note("left out", words)

    return convert_video(
        source, target, frames, codec=codec, quality=quality, on_frame=on_frame, on_left_out=on_left_out
    )


class _Frames:
    """Calls to be made one after the other: [1,H,W,3] → denoised. latest: the result as [1,3,H,W]."""

    latest: Tensor | None = None

    def __init__(
        self,
        denoiser: Denoiser,
        sigma: float | None,
        steps: int,
        method: str,
        strength: float,
        temporal: float,
        monitor: Monitor,
    ) -> None:
        self._denoiser, self._given, self._steps, self._method = denoiser, sigma, steps, method
        self._strength = strength
        self._blend = TemporalBlend(temporal) if temporal else None
        self._monitor = Monitor(None, monitor.check_cancel, monitor.notes)
        self._sum, self._count = 0.0, 0

    def __call__(self, image: Tensor) -> Tensor:
        clean = denoise(
            image,
            self._denoiser,
            sigma=self._sigma(image),
            steps=self._steps,
            method=self._method,
            monitor=self._monitor,
        )
        if self._blend is not None:  # before the strength, or the noise that is wanted would blend away
            clean = self._blend(image.movedim(-1, 1), clean.movedim(-1, 1)).movedim(1, -1)
        if self._strength < 1:
            clean = image + self._strength * (clean - image)
        self.latest = clean.movedim(-1, 1)
        return clean

    def _sigma(self, image: Tensor) -> float | None:
        """A level that jumps from frame to frame would flicker itself, hence the mean."""
        if self._given is not None or not self._denoiser.spec.needs_sigma:
            return self._given
        sigma = float(estimate_sigma(image.movedim(-1, 1)))
        self._sum += sigma
        self._count += sigma > 0  # black frames of a fade know nothing of the others' noise
        mean = self._sum / max(1, self._count)
        self._monitor.note("sigma", f"{255 * mean:.1f}")
        return mean
