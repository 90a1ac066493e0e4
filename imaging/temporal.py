"""Less flicker: denoised frames blended over time where the noisy ones show that nothing but noise has changed."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from .estimation import estimate_sigma

WINDOWS = {9: 0.35, 33: 0.12}
"""Side in pixels of the neighbourhoods in which two frames are compared, and how far their difference may exceed that
of pure noise before the past is no longer used. The small one sees moving edges, the large one faint changes in
strong noise; each tolerance is about four standard deviations of the measurement."""


class TemporalBlend:
    """A recursive filter: y_t = (1 − w)·x̂_t + w·y_{t−1}, the past moved along with the camera.

    In a still neighbourhood the difference of two noisy frames has the variance 2σ²; its mean square above that means
    motion. w falls from `strength` to 0 as the excess grows to a tolerance, pixel by pixel. Pans are followed by a
    whole number of pixels (phase correlation, Kuglin & Hines 1975). A scene change, and noise that is not white,
    switch the filter off rather than smear.
    """

    def __init__(self, strength: float = 0.6) -> None:
        if not 0 <= strength < 1:
            raise ValueError(f"temporal strength must be at least 0 and below 1, got {strength}.")
        self.strength = strength
        self._noisy: Tensor | None = None
        self._result: Tensor | None = None

    def __call__(self, noisy: Tensor, clean: Tensor) -> Tensor:
        """The next frame [1,C,H,W] as it came and as it was denoised → blended with the past; same shape."""
        result = clean
        if self._noisy is not None and self._result is not None and self._noisy.shape == noisy.shape:
            shift = global_shift(self._noisy, noisy)
            before, past = (torch.roll(frame, shift, (-2, -1)) for frame in (self._noisy, self._result))
            weight = self.strength * stillness(before, noisy)
            result = (1 - weight) * clean + weight * past
        self._noisy, self._result = noisy, result
        return result


def stillness(before: Tensor, now: Tensor) -> Tensor:
    """Two noisy frames [1,C,H,W] → [1,1,H,W]: 1 where they differ by white noise alone, 0 where something moved."""
    variance = estimate_sigma(now).mean() ** 2
    if variance < 1e-8:  # without noise there is nothing to gain
        return torch.zeros_like(now[:, :1])
    ratio = (now - before).square().mean(dim=1, keepdim=True) / (2 * variance)
    still = torch.ones_like(ratio)
    for side, tolerance in WINDOWS.items():
        padded = F.pad(ratio, [side // 2] * 4, mode="replicate")
        excess = F.avg_pool2d(padded, side, stride=1) - 1
        still = torch.minimum(still, (1 - excess / tolerance).clamp(0, 1))
    return still


def global_shift(before: Tensor, now: Tensor) -> tuple[int, int]:
    """Rows and columns by which the whole picture has moved between two frames [1,C,H,W]."""
    first, second = (torch.fft.rfft2(frame.mean(dim=(0, 1))) for frame in (before, now))
    cross = second * first.conj()
    peak = torch.fft.irfft2(cross / cross.abs().clamp_min(1e-12), s=before.shape[-2:])
    height, width = peak.shape
    row, column = divmod(int(peak.argmax()), width)
    shift = (row - height if row > height // 2 else row, column - width if column > width // 2 else column)
    moved = (now - torch.roll(before, shift, (-2, -1))).square().mean()
    return shift if moved < (now - before).square().mean() else (0, 0)  # noise may win the correlation
