"""Ways to see a training picture differently. Only exact symmetries: resampling would change the noise."""

from __future__ import annotations

import numpy as np

LUMA = np.array([0.299, 0.587, 0.114], dtype=np.float32)
SATURATION = (0.5, 2.0)
GAIN = (0.8, 1.2)


def symmetry(picture: np.ndarray, which: int) -> np.ndarray:
    """The `which`-th (0–7) of the square's symmetries of [H,W,C]: quarter turns, and the same mirrored."""
    turned = np.rot90(picture, which % 4)
    return turned[:, ::-1] if which >= 4 else turned


def recolour(clean: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """[H,W,3] in [0,1] with its channels permuted, scaled by 0.8–1.2 each and saturated ×0.5–2; clipped to [0,1]."""
    if clean.shape[-1] != 3:
        return clean
    mixed = clean[..., random.permutation(3)]
    mixed = mixed * random.uniform(*GAIN, size=3).astype(np.float32)
    gray = (mixed @ LUMA)[..., None]
    factor = np.float32(np.exp(random.uniform(*np.log(SATURATION))))
    return np.clip(gray + factor * (mixed - gray), 0, 1)
