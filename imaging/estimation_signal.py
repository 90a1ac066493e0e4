"""Noise that depends on the signal: fits variance = a·signal + b, shot and read noise of a linear sensor."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from .estimation import NoiseMeasurement, frames_of, measure_noise, measured_planes, noisy_patches, space_of
from .estimation_clipping import is_clipped
from .estimation_pca import NoiseSpace, flat_sigma
from .patches import Patches, areas_of_one_value

BINS = 24
"""Narrow, because flat patches are sought in each and the darker ones of a bin look flatter."""
FEWEST_PER_BIN = 100
NARROWEST = 0.05
"""Spread of brightness below which a slope cannot be told from the picture."""
SAFE_DISTANCE = 2.5
"""Standard deviations from black and white within which clipping would bend the line."""
ROUNDS = 20


@dataclass(frozen=True)
class PoissonGaussian:
    """Variance a·signal + b on the [0,1] scale: a is the signal of one photon, b the variance of the read noise."""

    a: float
    b: float

    def sigma(self, signal: Tensor) -> Tensor:
        """Standard deviation at these signal values."""
        return (self.a * signal + self.b).clamp_min(0).sqrt()


def fit_poisson_gaussian(image: Tensor, measured: Sequence[NoiseMeasurement] | None = None) -> list[PoissonGaussian]:
    """[B,C,H,W], linear light on the [0,1] scale → a and b of each frame.

    As Foi et al. 2008: the noise is measured at every brightness, and a line fitted to the variances by least
    absolute deviations, relative to their size. All channels share one line. Pictures of one brightness, or too small,
    give a = 0.

    Args:
        measured: what `measure_noise` has said of the frames, if it has been asked before.
    """
    known = measure_noise(image) if measured is None else measured
    return [_frame(frame, whole) for frame, whole in zip(frames_of(image), known, strict=True)]


def _frame(frame: Tensor, whole: NoiseMeasurement) -> PoissonGaussian:
    planes = measured_planes(frame, whole)
    even = areas_of_one_value(planes)
    patches = noisy_patches(planes, even)
    if patches is None:
        return PoissonGaussian(0.0, whole.sigma**2)
    space = space_of(patches)
    # A direction mixes channels: its variance is a·(mean weighted by its squared entries) + b.
    share = space.weights.view(planes.shape[0], -1).sum(dim=1).float()
    signal = patches.means @ share
    curve = _curve(space, signal, patches)
    if is_clipped(planes, even):
        margin = SAFE_DISTANCE * curve[1].sqrt()
        curve = curve[:, (curve[0] > margin) & (curve[0] < 1 - margin)]
    return fit_line(*curve)


def _curve(space: NoiseSpace, signal: Tensor, patches: Patches) -> Tensor:
    """Bins of equal brightness range: [3,n] float64 mean signals, noise variances, and weights."""
    low, high = float(signal.min()), float(signal.max())
    bins = ((signal - low) / max(high - low, 1e-9) * BINS).long().clamp_max(BINS - 1)
    points = []
    for index in range(BINS):
        inside = bins == index
        if int(inside.sum()) < FEWEST_PER_BIN:
            continue
        part = NoiseSpace(space.squares[inside], space.texture[inside], space.weights)
        variance = flat_sigma(part, patches) ** 2
        points.append((float(signal[inside].mean()), variance, float(inside.sum()) ** 0.5))
    return torch.tensor(points, dtype=torch.float64).view(-1, 3).T


def fit_line(signals: Tensor, variances: Tensor, weights: Tensor) -> PoissonGaussian:
    """Least absolute relative deviations by reweighting, with a and b not negative; all arguments [n]."""
    if len(signals) == 0:
        return PoissonGaussian(0.0, 0.0)
    level = float(variances.median())
    if len(signals) < 3 or float(signals.max() - signals.min()) < NARROWEST or level <= 0:
        return PoissonGaussian(0.0, level)
    a, b = 0.0, level
    for _ in range(ROUNDS):
        predicted = (a * signals + b).clamp_min(1e-6 * level)
        error = ((variances - predicted) / predicted).abs().clamp_min(1e-3)
        a, b = _weighted(signals, variances, weights / (error * predicted**2))
    return PoissonGaussian(a, b)


def _weighted(x: Tensor, y: Tensor, weight: Tensor) -> tuple[float, float]:
    """Weighted least squares y = a·x + b; a negative coefficient is set to 0 and the other refitted."""
    weight = weight / weight.sum()
    mean_x, mean_y = (weight * x).sum(), (weight * y).sum()
    a = float((weight * (x - mean_x) * (y - mean_y)).sum() / (weight * (x - mean_x) ** 2).sum())
    b = float(mean_y - a * mean_x)
    if a < 0:
        return 0.0, float(mean_y)
    if b < 0:
        return float((weight * x * y).sum() / (weight * x * x).sum()), 0.0
    return a, b
