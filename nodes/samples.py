"""Sample Photo: something to denoise on a fresh install."""

from __future__ import annotations

from ..imaging.noise import NOISE_KINDS, add_noise
from ..imaging.sample_photos import ALL, CREDITS, credit, load_sample
from .common import answer
from .registry import node

SEED = 0


@node("Sample Photo", category="Noise", aliases=("example image", "test image", "demo", "noisy photo"))
class SamplePhoto:
    """A photograph with the noise of a small camera, and its clean twin."""

    DESCRIPTION = "A photograph that comes with the pack, as a noisy camera takes it, and its clean twin to compare."
    RETURN_TYPES = ("IMAGE", "IMAGE", "STRING")
    RETURN_NAMES = ("noisy", "clean", "credit")
    OUTPUT_TOOLTIPS = (
        "The photograph with camera noise, the same every time.",
        "The same photograph without noise: the reference for PSNR Meter.",
        "Who took it, and its licence.",
    )
    FUNCTION = "open"

    @classmethod
    def INPUT_TYPES(cls):  # noqa: N802
        """Inputs in the order of saved workflows: append only."""
        return {
            "required": {
                "picture": (
                    [*CREDITS, ALL],
                    {"default": "cat", "tooltip": "Which photograph, or the middle of all four as a batch."},
                ),
                "iso": (
                    "INT",
                    {
                        "default": 6400,
                        "min": 0,
                        "max": 102400,
                        "step": 100,
                        "tooltip": "Sensitivity of the imagined camera: higher is noisier, 0 is without noise.",
                    },
                ),
            }
        }

    def open(self, picture, iso):
        """The noise depends on the sensitivity alone, so that every machine shows the same picture."""
        clean = load_sample(picture)
        noisy = add_noise(clean, "camera", NOISE_KINDS["camera"].amount(iso), SEED) if iso else clean
        return answer(credit(picture), noisy, clean, credit(picture))
