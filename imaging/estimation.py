"""How much noise is in a picture."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import ceil

import torch
from torch import Tensor

from .estimation_clipping import is_clipped, surviving_variance
from .estimation_correlation import is_correlated, is_shared
from .estimation_flat import flat_areas
from .estimation_mad import mad_sigma
from .estimation_pca import NoiseSpace, flat_sigma, noise_space
from .patches import ONE_VALUE, Patches, areas_of_one_value, cut, drawn_share, photographed

METHODS = ("auto", "patch_pca", "flat_areas", "mad")
COLOUR_SIDE, GRAY_SIDE = 5, 8
COLOUR_LIMIT, GRAY_LIMIT = 30_000, 100_000
"""Patches that are looked at: a gray picture needs more of them to find its flat places."""
SMALLEST_SIDE = 3
ROUNDED = 0.5 / 255
"""Root mean square that rounding two planes to 8 bit may leave of their difference, and little more."""
MOST_PIXELS = 1 << 18
"""Pixels that planes are compared on."""
PATCHES_PER_DIRECTION = 8
LEAST_SURVIVING = 0.5
"""Patches where clipping leaves less of the noise variance are not asked."""
USELESS = 0.05
"""Below this share nearly everything is black or white and says nothing of the noise."""
ROUNDS, AGREEMENT = 5, 2e-3
CONSISTENT = 0.95
"""Least share of the flat areas' deviation that white noise of all channels must explain."""


@dataclass(frozen=True)
class NoiseMeasurement:
    """What one frame says about its noise; standard deviations on the [0,1] scale.

    white: of the white part (patch PCA): all of white noise, a lower bound of any other.
    flat: of everything in the flattest areas: noise and whatever texture is left there; None when there are none.
    correlated: whether neighbouring pixels share their noise, as after demosaicing, JPEG or resizing.
    shared: whether the channels share most of their noise, as monochrome grain; it is then measured on their mean.
    """

    white: float
    flat: float | None
    correlated: bool
    shared: bool = False

    @property
    def sigma(self) -> float:
        """The better of the two: `white` for white noise, `flat` for correlated noise."""
        return max(self.white, self.flat) if self.correlated and self.flat is not None else self.white


def estimate_sigma(image: Tensor, method: str = "auto") -> Tensor:
    """[B,C,H,W] on the [0,1] scale → [B] standard deviation of the noise on the [0,1] scale, on the image's device.

    Args:
        method: 'patch_pca', white noise of each channel by principal components of patches (Chen, Zhu & Heng 2015),
        corrected for clipped black and white; 'flat_areas', noise of any spectrum by the flattest blocks; 'auto',
        patch_pca, on the mean of the channels where they share their noise, but flat_areas where neighbouring pixels
        share it; 'mad', by wavelets (Donoho & Johnstone 1994), which also serves pictures too small for the others.

    Raises:
        ValueError: unknown method.
    """
    if method not in METHODS:
        raise ValueError(f"method {method!r} is unknown; use one of {', '.join(METHODS)}.")
    return torch.tensor([_by(method, frame) for frame in frames_of(image)], device=image.device)


def measure_noise(image: Tensor) -> list[NoiseMeasurement]:
    """Everything `estimate_sigma` can say about [B,C,H,W], frame by frame."""
    return [_measure(frame) for frame in frames_of(image)]


def frames_of(image: Tensor) -> Tensor:
    """The picture as float32 on the CPU, where the small eigenvalue problems are."""
    return image.detach().to("cpu", torch.float32)


def planes_of(frame: Tensor) -> Tensor:
    """[C,H,W] → the planes with noise of their own: one for a gray or toned picture stored as RGB.

    Planes of one value, or that are a shade of a stronger one, would pass for directions without noise.
    """
    values = frame.flatten(1)
    values = values[:, :: ceil(values.shape[1] / MOST_PIXELS)].contiguous()
    kept: list[int] = []
    for index in values.var(dim=1, unbiased=False).argsort(descending=True, stable=True).tolist():
        if not any(_is_shade(values[index], values[stronger]) for stronger in kept):
            kept.append(index)
    return frame if len(kept) == len(frame) else frame[sorted(kept)]  # a large colour picture is not copied


def measured_planes(frame: Tensor, measured: NoiseMeasurement) -> Tensor:
    """`planes_of` [C,H,W], or where the channels share their noise the mean of them, on which it can be seen."""
    planes = planes_of(frame)
    return planes.mean(dim=0, keepdim=True) if measured.shared else planes


def _is_shade(plane: Tensor, stronger: Tensor) -> bool:
    """Whether a plane [N] is an affine function of another, but for rounding, where neither is black or white."""
    if float(plane.max() - plane.min()) < ONE_VALUE:
        return True
    inside = (plane != 0) & (plane != 1) & (stronger != 0) & (stronger != 1)
    if 2 * int(inside.sum()) < len(plane):
        return torch.equal(plane, stronger)
    own, other = (values[inside] - values[inside].mean() for values in (plane, stronger))
    slope = (own * other).sum() / other.square().sum().clamp_min(1e-20)
    return float((own - slope * other).square().mean().sqrt()) < ROUNDED


def patches_of(planes: Tensor) -> Patches | None:
    """Patches as large as the picture has enough of; None for a picture too small for any."""
    colour = planes.shape[0] > 1
    limit = COLOUR_LIMIT if colour else GRAY_LIMIT
    for side in range(COLOUR_SIDE if colour else GRAY_SIDE, SMALLEST_SIDE - 1, -1):
        rows, columns = planes.shape[-2] - side + 1, planes.shape[-1] - side + 1
        if min(rows, columns) > 0 and rows * columns >= PATCHES_PER_DIRECTION * planes.shape[0] * side**2:
            return cut(planes, side, limit)
    return None


def noisy_patches(planes: Tensor, even: Tensor) -> Patches | None:
    """`patches_of` without those that are not `photographed`; `grid` no longer holds. even: `areas_of_one_value`."""
    patches = patches_of(planes)
    if patches is None:
        return None
    kept = photographed(drawn_share(even, patches), PATCHES_PER_DIRECTION * patches.values[0].numel())
    return replace(patches, values=patches.values[kept])


def space_of(patches: Patches) -> NoiseSpace:
    """Noise and picture directions of the patches."""
    return noise_space(patches.detail.flatten(1))


def _by(method: str, frame: Tensor) -> float:
    if method == "auto":
        return _measure(frame).sigma
    planes = planes_of(frame)
    if method == "mad":
        return mad_sigma(planes)
    even = areas_of_one_value(planes)
    if method == "patch_pca":
        return _pca(planes, even)[1]
    flat = flat_areas(planes, even)
    return mad_sigma(planes) if flat is None else flat.sigma


def _measure(frame: Tensor) -> NoiseMeasurement:
    planes = planes_of(frame)
    even = areas_of_one_value(planes)  # once, as it looks at every pixel
    typical, white = _pca(planes, even)
    flat = flat_areas(planes, even)
    if flat is not None and len(planes) > 1 and is_shared(white, flat):
        shared = _pca(planes.mean(dim=0, keepdim=True), even)[1]
        both = (shared**2 + (1 - 1 / len(planes)) * white**2) ** 0.5  # the mean holds a part of each channel's own
        if both > CONSISTENT * flat.sigma:
            return NoiseMeasurement(both, flat.sigma, correlated=False, shared=True)
    correlated = white > 0 and is_correlated(planes, typical, flat)  # a drawing's edges are no noise to share
    return NoiseMeasurement(white, None if flat is None else flat.sigma, correlated)


def _pca(planes: Tensor, even: Tensor) -> tuple[float, float]:
    """Sigma of [C,H,W] as the median patch has it, and as the flat ones had it before clipping."""
    patches = noisy_patches(planes, even)
    if patches is None:
        sigma = mad_sigma(planes)
        return sigma, sigma
    detail = patches.detail
    space = noise_space(detail.flatten(1))
    sigma = flat_sigma(space, patches)
    clipped = sigma > 0 and is_clipped(planes, even)
    return space.typical, _before_clipping(detail, patches, sigma) if clipped else sigma


def _before_clipping(detail: Tensor, patches: Patches, sigma: float) -> float:
    """Fixed point: with sigma, each patch's detail can be scaled to what it was before clipping, and measured anew."""
    means = patches.means
    for _ in range(ROUNDS):
        share = surviving_variance(means, sigma)
        least = share.min(dim=1).values
        enough = min(LEAST_SURVIVING, float(least.quantile(0.9)))
        if enough < USELESS:
            break
        asked = least >= enough
        scaled = detail[asked] / share[asked].sqrt()[..., None]
        previous, sigma = sigma, flat_sigma(noise_space(scaled.flatten(1)), patches)
        if abs(sigma - previous) <= AGREEMENT * sigma:
            break
    return sigma
