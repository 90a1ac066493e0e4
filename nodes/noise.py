"""Add Noise: the forward process, with every kind the pack knows."""

from __future__ import annotations

from .. import host
from ..imaging.level import DenoiseError
from ..imaging.noise import NOISE_KINDS, add_noise
from .common import answer, first_frame_input, seed_input
from .registry import node


def _amounts() -> str:
    ranges = [f"{kind.name}: {kind.unit}, {kind.minimum:g} to {kind.maximum:g}" for kind in NOISE_KINDS.values()]
    return "How much, in the unit of the kind.\n" + "\n".join(ranges)


def _kinds() -> str:
    return "What the noise is like.\n" + "\n".join(f"{kind.name}: {kind.tooltip}" for kind in NOISE_KINDS.values())


def _aliases() -> tuple[str, ...]:
    """Every kind is a word to search for: film grain, salt and pepper, JPEG."""
    words = [kind.name.replace("_", " ") for kind in NOISE_KINDS.values()]
    return (*words, "gaussian noise", "camera noise", "degrade", "awgn")


@node("Add Noise", category="Noise", aliases=_aliases())
class AddNoise:
    """Seeded noise per frame."""

    DESCRIPTION = "Adds noise of a known kind and strength, the same for the same seed: to test and compare denoisers."
    RETURN_TYPES = ("IMAGE", "IMAGE", "STRING")
    RETURN_NAMES = ("image", "noise", "report")
    OUTPUT_TOOLTIPS = (
        "The noisy picture; alpha is untouched.",
        "The noise alone, shown around middle gray: 0.5 + noisy − clean.",
        "Kind, amount, unit and seed as text.",
    )
    FUNCTION = "add"

    @classmethod
    def INPUT_TYPES(cls):  # noqa: N802
        """Inputs in the order of saved workflows: append only."""
        highest = max(kind.maximum for kind in NOISE_KINDS.values())
        return {
            "required": {
                "image": ("IMAGE", {"tooltip": "The clean picture or batch."}),
                "kind": (list(NOISE_KINDS), {"default": "gaussian", "tooltip": _kinds()}),
                "amount": (
                    "FLOAT",
                    {"default": 25.0, "min": 0.0, "max": highest, "step": 0.5, "round": 0.01, "tooltip": _amounts()},
                ),
                "seed": seed_input(),
                "first_frame": first_frame_input(),
                "clip": (
                    "BOOLEAN",
                    {
                        "default": False,
                        "tooltip": "Cut values outside black and white off, as an 8-bit file would. Published numbers "
                        "for Gaussian noise are measured without.",
                    },
                ),
            }
        }

    def add(self, image, kind, amount, seed, first_frame, clip):
        """Amounts are checked against the kind's own range, which one widget for all kinds cannot."""
        known = NOISE_KINDS.get(kind)
        if known is None:
            raise DenoiseError(f"kind '{kind}' is unknown; choose one of {', '.join(NOISE_KINDS)}.")
        if not known.minimum <= amount <= known.maximum:
            raise DenoiseError(
                f"amount is {amount:g}, but {known.label} noise takes {known.minimum:g} to {known.maximum:g} "
                f"({known.unit}); try {known.default:g}."
            )
        host.monitor().check()
        noisy = add_noise(image, kind, known.amount(amount), seed, first_frame=first_frame, clip=clip)
        noise = (noisy[..., :3] - image[..., :3] + 0.5).clamp(0, 1)
        return answer(text := f"{known.label}: {amount:g} {known.unit}, seed {seed}", noisy, noise, text)
