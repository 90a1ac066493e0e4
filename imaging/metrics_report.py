"""All metrics of a batch at once, under a named protocol: what a meter shows and a table holds."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from .level import DenoiseError
from .metrics import SCALES, WINDOW, mae, ms_ssim, psnr, ssim

MATLAB_LUMA = (65.481, 128.553, 24.966, 16.0)
"""ITU-R BT.601 studio range: weights of R, G, B in [0,1] and offset, giving 16 to 235: the Y channel of the papers."""


@dataclass(frozen=True)
class Protocol:
    """How pictures are prepared before they are measured; without its name a PSNR cannot be compared.

    border: pixels cut off on every side. luma: measure the Y channel of BT.601 as MATLAB's rgb2ycbcr gives it,
    instead of RGB. eight_bit: clip and round results to 8 bit first, as a saved file would be; references and noisy
    inputs are taken as they are (`exact`).
    """

    border: int = 0
    luma: bool = False
    eight_bit: bool = False

    @property
    def name(self) -> str:
        """Words for it, as in 'Y of BT.601, border 4 px, 8 bit'."""
        words = ["Y of BT.601" if self.luma else "RGB"]
        words += [f"border {self.border} px"] if self.border else []
        return ", ".join(words + (["8 bit"] if self.eight_bit else []))

    @property
    def exact(self) -> Protocol:
        """The same without rounding."""
        return replace(self, eight_bit=False)

    def __call__(self, image: Tensor) -> Tensor:
        """[B,H,W,C] → the prepared [B,h,w,1 or C].

        Raises:
            DenoiseError: the border leaves nothing.
        """
        height, width = image.shape[1:3]
        if self.border < 0 or 2 * self.border >= min(height, width):
            raise DenoiseError(f"border {self.border} leaves nothing of {height}x{width} pixels; make it smaller.")
        image = image[:, self.border : height - self.border, self.border : width - self.border]
        if self.eight_bit:
            image = (image.clamp(0, 1) * 255).round() / 255
        return luma(image) if self.luma else image


def luma(image: Tensor) -> Tensor:
    """[B,H,W,3] in [0,1] → [B,H,W,1] Y of BT.601 in [16/255, 235/255]; gray pictures are their own luma."""
    if image.shape[-1] == 1:
        return image
    *weights, offset = MATLAB_LUMA
    scale = torch.tensor(weights, dtype=image.dtype, device=image.device)
    return ((image * scale).sum(dim=-1, keepdim=True) + offset) / 255


@dataclass(frozen=True)
class Report:
    """Numbers per picture: dB, index, index, [0,1] scale, dB. What could not be measured is NaN throughout."""

    protocol: str
    psnr: Sequence[float]
    ssim: Sequence[float]
    ms_ssim: Sequence[float]
    mae: Sequence[float]
    gain: Sequence[float]
    lpips: Sequence[float]

    COLUMNS = {
        "psnr": "PSNR_dB",
        "ssim": "SSIM",
        "ms_ssim": "MS_SSIM",
        "mae": "MAE_255",
        "gain": "gain_dB",
        "lpips": "LPIPS",
    }

    def mean(self, name: str) -> float:
        """Mean over the pictures; of PSNR over those that differ from their reference, infinity if none does."""
        values = getattr(self, name)
        finite = [v for v in values if not math.isinf(v)]
        return sum(finite) / len(finite) if finite else values[0]

    def worst(self) -> int:
        """Index of the picture with the lowest PSNR."""
        return min(range(len(self.psnr)), key=lambda k: self.psnr[k])

    def measured(self) -> list[str]:
        """Names of the metrics that have numbers."""
        return [name for name in self.COLUMNS if not math.isnan(getattr(self, name)[0])]

    def verdict(self) -> str:
        """One line for people who do not read decibels."""
        quality, gain = self.mean("psnr"), self.mean("gain")
        if math.isinf(quality):
            return "Identical to the reference."
        words = f"{quality:.2f} dB" + ("" if self.protocol == Protocol().name else f" ({self.protocol})")
        if math.isnan(gain):
            return f"{words} from the reference: {_closeness(quality)}."
        if math.isinf(gain):
            return f"{words} from the reference: {_closeness(quality)}; the noisy input was identical to it."
        if abs(gain) < 0.005:
            return f"{words}, exactly as far from the reference as the noisy input."
        than = f"{abs(gain):.2f} dB {'better' if gain > 0 else 'worse'} than the noisy input"
        left = f"{100 * 10 ** (-gain / 10):.0f} % of the squared error is left"
        return f"{words}, {than}: {left}; {_closeness(quality)}."

    def lines(self) -> list[str]:
        """Mean, worst and every picture, then what was measured, as text."""
        rows = [self._words(k) for k in range(len(self.psnr))]
        if len(rows) > 1:
            identical = {name: sum(map(math.isinf, getattr(self, name))) for name in ("psnr", "gain")}
            left_out = [self.COLUMNS[name].split("_")[0] for name, count in identical.items() if 0 < count < len(rows)]
            without = f" ({' and '.join(left_out)} without the identical ones)" if left_out else ""
            worst = self.worst()
            head = [f"mean  {self._words(None)}{without}", f"worst {rows[worst]} (no. {worst + 1})"]
            rows = head + [f"{number:<5} {row}" for number, row in enumerate(rows, 1)]
        small = [] if "ssim" in self.measured() else [f"SSIM needs {WINDOW}×{WINDOW} pixels"]
        return [*rows, *small, f"measured on {self.protocol}"]

    def _words(self, index: int | None) -> str:
        forms = {
            "psnr": "{:.2f} dB",
            "ssim": "SSIM {:.4f}",
            "ms_ssim": "MS-SSIM {:.4f}",
            "mae": "MAE {:.2f}/255",
            "gain": "gain {:+.2f} dB",
            "lpips": "LPIPS {:.4f}",
        }
        numbers = {n: self.mean(n) if index is None else getattr(self, n)[index] for n in self.measured()}
        if math.isinf(numbers["psnr"]):
            return "identical"
        numbers["mae"] *= 255
        return " · ".join(forms[name].format(value) for name, value in numbers.items())

    def _shown(self, name: str) -> Sequence[float]:
        """The numbers as people see them: errors on the 0–255 scale."""
        return [255 * value for value in self.mae] if name == "mae" else getattr(self, name)

    def csv(self, names: Sequence[str] = ()) -> str:
        """A header and one row per picture, MAE on the 0–255 scale; `names` of the pictures, else their numbers."""
        columns = self.measured()
        text = io.StringIO()
        table = csv.writer(text, lineterminator="\n")
        table.writerow(["image", *(self.COLUMNS[name] for name in columns), "measured_on"])
        for index in range(len(self.psnr)):
            values = [f"{self._shown(name)[index]:.6g}" for name in columns]
            table.writerow([names[index] if names else index + 1, *values, self.protocol])
        return text.getvalue()


def _closeness(decibels: float) -> str:
    """Rough words for a PSNR of 8-bit photographs; the eye also minds where the error lies."""
    steps = (
        (45, "no visible difference"),
        (38, "hardly visible"),
        (32, "small differences"),
        (26, "visible differences"),
    )
    return next((words for limit, words in steps if decibels >= limit), "far from it")


def measure(
    reference: Tensor,
    image: Tensor,
    noisy: Tensor | None = None,
    protocol: Protocol = Protocol(),
    perceptual: bool = False,
) -> Report:
    """Every metric that the pictures are large enough for.

    Args:
        reference, image: [B,H,W,C] on the [0,1] scale, C = 1 or 3. noisy: the same shape, for the gain in PSNR.
        perceptual: add LPIPS, which needs an optional package.

    Raises:
        ValueError: shapes differ. DenoiseError: the protocol's border leaves nothing. ImportError: no LPIPS here.
    """
    reference, image = protocol.exact(reference), protocol(image)
    missing = torch.full((len(image),), math.nan, dtype=torch.float64)
    side = min(reference.shape[1:3])
    decibels = psnr(reference, image)
    before = psnr(reference, protocol.exact(noisy)) if noisy is not None else missing
    gain = torch.where(decibels.isinf() & before.isinf(), 0.0, decibels - before)  # both identical: nothing gained
    perceived = missing
    if perceptual:
        from .metrics_lpips import SMALLEST, lpips

        perceived = lpips(reference, image) if side >= SMALLEST else missing
    values = {
        "psnr": decibels,
        "ssim": ssim(reference, image) if side >= WINDOW else missing,
        "ms_ssim": ms_ssim(reference, image) if side > (WINDOW - 1) * 2 ** (len(SCALES) - 1) else missing,
        "mae": mae(reference, image),
        "gain": gain,
        "lpips": perceived,
    }
    return Report(protocol.name, **{name: tuple(numbers.tolist()) for name, numbers in values.items()})
