"""What smaller weights cost: bytes, seconds and PSNR before and after, and a refusal when it is too much."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from torch import Tensor, nn

from ..imaging.layout import split
from ..imaging.level import DenoiseError, Level
from ..imaging.metrics import psnr
from ..imaging.randomness import normal
from ..monitor import Monitor
from .contract import Denoiser, Spec
from .network_denoiser import NetworkDenoiser
from .placement import Placement, PlainPlacement
from .quantise import quantised, weight_bytes
from .saving import check_savable

SEED = 0


@dataclass(frozen=True)
class Probe:
    """A clean picture and a noisy one, [1,C,H,W] on the [0,1] scale, and what is known about the noise."""

    clean: Tensor
    noisy: Tensor
    level: Level = Level()


def gaussian_probes(pictures: Sequence[Tensor], sigma: float, spec: Spec, side: int = 256) -> list[Probe]:
    """The middles of clean pictures [B,H,W,C] in [0,1], with white noise of `sigma` ([0,1] scale), for this denoiser.

    Raises:
        ValueError: an unusable picture or sigma.
    """
    probes = []
    for number, picture in enumerate(frame for pictures_ in pictures for frame in split(pictures_)[0]):
        height, width = picture.shape[-2:]
        top, left = max(0, height - side) // 2, max(0, width - side) // 2
        clean = picture[None, :, top : top + side, left : left + side]
        if spec.channels == 1:
            clean = clean.mean(dim=1, keepdim=True)
        noisy = clean + sigma * normal(tuple(clean.shape), SEED, first_frame=number)
        probes.append(Probe(clean, noisy, Level(sigma if spec.needs_sigma else None)))
    return probes


@dataclass(frozen=True)
class Cost:
    """Weights in bytes, seconds per megapixel, mean PSNR in dB on the probes."""

    bytes: int
    seconds: float
    psnr: float


@dataclass(frozen=True)
class Comparison:
    """A denoiser before and after."""

    name: str
    kind: str
    arithmetic: str
    before: Cost
    after: Cost

    @property
    def drop(self) -> float:
        """dB lost; negative when the smaller one is better by chance."""
        return self.before.psnr - self.after.psnr

    def __str__(self) -> str:
        """Three aligned lines."""
        rows = [("", "weights", "time", "PSNR"), ("before", *_words(self.before)), (self.kind, *_words(self.after))]
        lines = ["  ".join(f"{cell:>11}" for cell in row).rstrip() for row in rows]
        return f"{self.name}, arithmetic in {self.arithmetic}\n" + "\n".join(lines) + f" ({-self.drop:+.3f} dB)"


def _words(cost: Cost) -> tuple[str, str, str]:
    return f"{cost.bytes / 1e6:.2f} MB", f"{cost.seconds:.2f} s/Mpx", f"{cost.psnr:.2f} dB"


def quantise_denoiser(
    denoiser: Denoiser,
    kind: str,
    probes: Sequence[Probe],
    *,
    limit: float = 0.1,
    place: Callable[[nn.Module], Placement] | None = None,
    monitor: Monitor | None = None,
) -> tuple[NetworkDenoiser, Comparison]:
    """The denoiser with weights stored as `kind`, and what that costs on the probes.

    Weights are widened when a layer uses them: files and memory shrink, the arithmetic and its speed stay.

    Args:
        kind: bf16, fp16 or int8. limit: largest loss of PSNR in dB that is accepted.
        place: decides where the new network runs; None = on the device of the old one.

    Raises:
        DenoiseError: no network, quantised already, no probes, one that no file can hold, or a loss above the limit.
    """
    if not isinstance(denoiser, NetworkDenoiser):
        raise DenoiseError(f"{denoiser.spec.name} is no network and has no weights to quantise; load one from a file.")
    if not probes:
        raise DenoiseError("quantisation is measured on pictures; give at least one clean picture.")
    monitor = monitor or Monitor()
    network = quantised(denoiser.network, kind)
    check_savable(network, denoiser.spec)
    placement = place(network) if place else PlainPlacement(network, denoiser.placement.device)
    smaller = denoiser.moved(network, placement)
    before, after = measure((denoiser, smaller), probes, monitor)
    arithmetic = str(denoiser.dtype).removeprefix("torch.")
    comparison = Comparison(denoiser.spec.name, kind, arithmetic, before, after)
    if comparison.drop > limit:
        raise DenoiseError(
            f"{kind} weights cost {denoiser.spec.name} {comparison.drop:.3f} dB on the probes, more than the limit of "
            f"{limit:g} dB; raise the limit or take wider weights."
        )
    return smaller, comparison


def measure(denoisers: Sequence[NetworkDenoiser], probes: Sequence[Probe], monitor: Monitor) -> list[Cost]:
    """What each denoiser costs. They take turns, twice, and the faster time counts: other work on the machine is no
    property of theirs."""
    seconds, pixels, scores = [0.0] * len(denoisers), 0, [0.0] * len(denoisers)
    for index, probe in enumerate(probes):
        pixels += probe.noisy.shape[-2] * probe.noisy.shape[-1]
        times: list[list[float]] = [[] for _ in denoisers]
        for turn in range(2 * len(denoisers)):
            which = turn % len(denoisers)
            started = time.perf_counter()
            part = monitor.part(index, len(probes)).part(turn, 2 * len(denoisers))
            clean = denoisers[which](probe.noisy, probe.level, part).clamp(0, 1)
            times[which].append(time.perf_counter() - started)
            if turn < len(denoisers):
                pair = (planes.permute(0, 2, 3, 1) for planes in (probe.clean, clean))
                scores[which] += float(psnr(*pair)) / len(probes)
        seconds = [total + min(each) for total, each in zip(seconds, times, strict=True)]
    return [
        Cost(weight_bytes(denoiser.network), second / pixels * 1e6, score)
        for denoiser, second, score in zip(denoisers, seconds, scores, strict=True)
    ]
