"""Less flicker: denoised frames blended along the motion where the noisy ones differ by nothing but noise."""

from __future__ import annotations

import torch
from torch import Tensor

from .estimation import estimate_sigma
from .motion import box_mean, motion, pixel_grid, sample

STRENGTH = 0.75
WINDOWS = {9: 0.35, 33: 0.12}
"""Side in pixels of the neighbourhoods in which two frames are compared, and how far their difference may exceed that
of pure noise before the past is no longer used. The small one sees moving edges, the large one faint changes in
strong noise; each tolerance is four standard deviations of the measurement in white noise."""
DEVIATIONS, WIDEST = 4, 3
"""Noise that neighbouring pixels share measures less exactly: the tolerance is so many of the standard deviations that
are seen, and at most so many times that of white noise."""
LIGHT = 65
"""Side in pixels of the neighbourhoods whose change of brightness is followed: fades, clouds, flashing lights."""
DRIFTS, LITTLE, MUCH, MUCH_OVERALL = (9, 17, 33), 2.3, 6.0, 4.0
"""Sides of the neighbourhoods whose mean must not drift, or the past would lag behind a slow change that each pixel's
noise hides, as in a dissolve; squared means, against those of pure noise, up to which all and from which on nothing of
the past is used; fewer where it is the median of the picture."""
NEAR, FAR, NEAR_WHITE = 5, 13, 0.67
"""Sides between which noise that neighbouring pixels share is told from a drift, and the median of its squared means if
it is white."""
LEAST_MATCHED = 0.05
BELOW_MEDIAN = 0.16
"""Quantile that lies one standard deviation below the median; above it there may be motion."""
BLOCK = 9
BRIGHTNESS_STEPS = 12
SURPLUS, SHARE_OF_OVERALL = 1.3, 1.8
"""How much more two frames may differ than the noise that was removed explains, for what the denoiser has left in; and
than noise of the measured variance, which may be stronger in some colours than in others."""
LEAST_VARIANCE = 1e-8
MOST_VALUES = 100_000
"""That a median is taken of."""
MEASURED_EVERY = 8
"""Frames from one measurement of the noise level to the next: cameras change it slowly, and measuring takes time."""


class TemporalBlend:
    """A recursive filter along the motion: y_t = (1 − w)·x̂_t + w·y_{t−1}, one frame in, one frame out.

    The past is moved to where its content is now (block matching, see `motion`). In a neighbourhood that was matched
    rightly the noisy frames differ by their noise, whose variance is known for each brightness, and by a change of the
    light, which the past is given too; a larger mean square or a mean that drifts means that the match is wrong or the
    content is new, and w falls to 0. Elsewhere w = n / (n + 1) for a past that is worth n frames, as in a Kalman
    filter, and at most `strength`. A scene change switches the filter off rather than smear.
    """

    def __init__(self, strength: float = STRENGTH) -> None:
        if not 0 <= strength < 1:
            raise ValueError(f"temporal strength must be at least 0 and below 1, got {strength}.")
        self.strength = strength
        self._past: tuple[Tensor, Tensor, Tensor] | None = None  # noisy, result, how many frames it is worth
        self._variance, self._age = 0.0, 0

    def __call__(self, noisy: Tensor, clean: Tensor) -> Tensor:
        """The next frame [1,C,H,W] as it came and as it was denoised → blended with the past; same shape."""
        noisy, result = noisy.float(), clean.float()
        worth = torch.ones_like(result[:, :1])
        if self._age % MEASURED_EVERY == 0 or not self._variance:  # a black frame knows nothing of the others' noise
            self._variance = float(estimate_sigma(noisy).square().mean())
        self._age += 1
        if self._past is not None and self._past[0].shape == noisy.shape:
            noisy_before, result_before, worth_before = self._past
            flow = motion(result_before, result)
            places = pixel_grid(result) + flow
            past = sample(result_before, places, "bicubic")
            past_worth = sample(worth_before, places, "bilinear")
            moved = sample(noisy_before, places, "bilinear")
            trust = stillness(moved, noisy, result, kept_variance(flow), self._variance)
            past = past + light(result - past, trust)
            weight = trust * within_frame(places) * (past_worth / (past_worth + 1)).clamp(max=self.strength)
            result = (1 - weight) * result + weight * past
            worth = 1 / ((1 - weight).square() + weight.square() / past_worth)
        self._past = noisy, result, worth
        return result.to(clean.dtype)


def within_frame(places: Tensor) -> Tensor:
    """[1,1,H,W]: 1 where rows and columns [1,2,H,W] lie within the frame, else 0."""
    height, width = places.shape[-2:]
    rows, columns = places[:, :1], places[:, 1:]
    return ((rows >= 0) & (rows <= height - 1) & (columns >= 0) & (columns <= width - 1)).to(places.dtype)


def kept_variance(flow: Tensor) -> Tensor:
    """[1,1,H,W]: what bilinear reading at a fractional place leaves of the variance of white noise."""
    part = flow - flow.floor()
    kept = part.square() + (1 - part).square()
    return kept[:, :1] * kept[:, 1:]


def stillness(before: Tensor, now: Tensor, clean: Tensor, kept: Tensor, variance: float) -> Tensor:
    """How surely two noisy frames show the same: [1,1,H,W] from 1, they differ by noise and light alone, to 0.

    Args:
        before, now, clean: [1,C,H,W]: the past moved to the present, the present, and the present denoised.
        kept: [1,1,H,W] share of the noise variance that moving has left in `before`.
        variance: of the noise in `now`, over all.
    """
    difference, spread = now - before, (1 + kept).sqrt()
    expected = noise_variance(difference / spread, now - clean, clean, variance)
    deviation = expected.clamp_min(LEAST_VARIANCE).sqrt()
    noisy = (expected.mean(1, keepdim=True) > LEAST_VARIANCE).to(now.dtype)  # without noise there is nothing to gain
    matched = noisy * alike(difference / (spread * deviation))
    rest = noisy * (difference - light(difference, matched)) / deviation
    steady = without_drift(rest / 2**0.5, matched)  # a fractional motion leaves the means of the noise as they are
    return torch.minimum(matched, torch.minimum(alike(rest / spread), steady))


def light(change: Tensor, matched: Tensor) -> Tensor:
    """[1,C,H,W]: by how much it has become brighter around each pixel, where [1,1,H,W] says how surely it matches."""
    return box_mean(change * matched, LIGHT) / box_mean(matched, LIGHT).clamp_min(LEAST_MATCHED)


def alike(difference: Tensor) -> Tensor:
    """[1,C,H,W] in standard deviations of the noise → [1,1,H,W]: 1 where its mean square is that of noise, to 0."""
    ratio = difference.square().mean(1, keepdim=True)
    still = torch.ones_like(ratio)
    for side, tolerance in WINDOWS.items():
        local = box_mean(ratio, side)
        low, median = torch.quantile(thinned(local), torch.tensor([BELOW_MEDIAN, 0.5], device=local.device))
        allowed = (DEVIATIONS * (median - low)).clamp(tolerance, WIDEST * tolerance)
        still = torch.minimum(still, (1 - (local - 1) / allowed).clamp(0, 1))
    return still


def without_drift(difference: Tensor, matched: Tensor) -> Tensor:
    """[1,C,H,W] in standard deviations of the noise → [1,1,H,W]: 1 where local means are those of noise, to 0.

    Where most of what is `matched` drifts, as in a dissolve, chance hides it in the rest.
    """
    near = squared_mean(difference - box_mean(difference, FAR), NEAR)
    shared = (thinned(near).median() / NEAR_WHITE).clamp_min(1)  # by which neighbours that share noise raise it
    most = torch.cat([squared_mean(difference, side) for side in DRIFTS], dim=1).amax(1, keepdim=True) / shared
    overall = float(thinned(most[matched > 0]).median()) if (matched > 0).any() else 0.0
    return falling(most, MUCH) * falling(torch.tensor(overall), MUCH_OVERALL).to(most)


def falling(drift: Tensor, much: float) -> Tensor:
    """1 up to LITTLE, 0 from `much` on."""
    return ((much - drift) / (much - LITTLE)).clamp(0, 1)


def squared_mean(values: Tensor, side: int) -> Tensor:
    """[1,1,H,W]: square of the local mean, the mean of the channels, in units of that of white noise of variance 1."""
    return (side * box_mean(values, side)).square().mean(1, keepdim=True)


def noise_variance(difference: Tensor, removed: Tensor, clean: Tensor, overall: float) -> Tensor:
    """Variance of the noise of every value [1,C,H,W]: what it is where the channel is as bright.

    By medians over blocks, so that edges and what has moved do not count: of the difference between the frames, and
    never more than what denoising has removed allows, because after a cut most of the difference is none. A denoiser
    may have removed texture too, hence its part is scaled down to the `overall` variance.
    """
    scale = min(SURPLUS, SHARE_OF_OVERALL * overall / max(float(removed.square().mean()), LEAST_VARIANCE))
    steps = torch.linspace(0, 1, BRIGHTNESS_STEPS + 1, device=clean.device)[1:-1]
    variance = torch.zeros_like(clean)
    squares = [box_mean(values.square(), BLOCK) for values in (difference, removed)]
    for channel in range(clean.shape[1]):
        brightness = clean[0, channel].flatten().contiguous()
        group = torch.bucketize(brightness, torch.quantile(thinned(brightness), steps))
        for number in range(BRIGHTNESS_STEPS):
            members = group == number
            if members.any():
                seen, allowed = (thinned(values[0, channel].flatten()[members]).median() for values in squares)
                variance[0, channel].view(-1)[members] = torch.minimum(seen, scale * allowed)
    return variance


def thinned(values: Tensor) -> Tensor:
    """About MOST_VALUES of the values at most, evenly chosen, flat."""
    flat = values.flatten()
    return flat[:: max(1, flat.numel() // MOST_VALUES)]
