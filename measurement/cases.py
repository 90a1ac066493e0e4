"""The noise that denoisers are tested on, and how it is written: 'gaussian: 15, 25, 50; jpeg: 20'."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor

from ..imaging.level import DenoiseError
from ..imaging.noise import NOISE_KINDS, add_noise


@dataclass(frozen=True)
class Case:
    """Noise of `kind` (a key of NOISE_KINDS) and `amount` on the scale of nodes, 0–255 for Gaussian sigma."""

    kind: str
    amount: float

    def noisy(self, clean: Tensor, seed: int, frame: int) -> Tensor:
        """Noisy copy of one picture [1,H,W,C]; depends on (seed, frame) only."""
        kind = NOISE_KINDS[self.kind]
        return add_noise(clean, self.kind, kind.amount(self.amount), seed, first_frame=frame)

    def sigma(self) -> float | None:
        """The noise level on the [0,1] scale where the kind is white Gaussian noise, else None: to be measured."""
        return NOISE_KINDS[self.kind].amount(self.amount) if self.kind == "gaussian" else None


def parse_amounts(text: str) -> list[float]:
    """'10, 25 50' → [10, 25, 50]. Raises DenoiseError for anything that is no number."""
    try:
        amounts = [float(word) for word in text.replace(",", " ").split()]
    except ValueError:
        amounts = []
    if not amounts:
        raise DenoiseError(f"noise levels '{text}' must be numbers with commas between, as in '15, 25, 50'.")
    return amounts


def make_cases(kind: str, amounts: Sequence[float]) -> list[Case]:
    """Checked cases of one kind. Raises DenoiseError: unknown kind, or an amount that it does not take."""
    known = NOISE_KINDS.get(kind)
    if known is None:
        raise DenoiseError(f"noise kind '{kind}' is unknown; use one of {', '.join(NOISE_KINDS)}.")
    for amount in amounts:
        if not known.minimum <= amount <= known.maximum:
            raise DenoiseError(
                f"{known.label} noise takes {known.minimum:g} to {known.maximum:g} ({known.unit}), got {amount:g}."
            )
    return [Case(kind, amount) for amount in dict.fromkeys(amounts)]


def parse_cases(text: str) -> list[Case]:
    """'gaussian: 15, 25, 50; jpeg: 20' (lines or semicolons) → cases. Raises DenoiseError for what it cannot read."""
    cases: list[Case] = []
    for part in text.replace("\n", ";").split(";"):
        if not part.strip():
            continue
        kind, colon, amounts = part.partition(":")
        if not colon:
            raise DenoiseError(
                f"noise '{part.strip()}' must name a kind and its amounts, as in 'gaussian: 15, 25, 50'."
            )
        cases += make_cases(kind.strip(), parse_amounts(amounts))
    if not cases:
        raise DenoiseError("no noise is named; write for example 'gaussian: 15, 25, 50'.")
    return list(dict.fromkeys(cases))
