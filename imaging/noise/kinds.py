"""The table of noise kinds, and the one function that adds them."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import torch
from torch import Tensor

from ..layout import check_image
from ..randomness import generator
from .banding import BANDING
from .camera import CAMERA, VARIED_CAMERA
from .compression import JPEG, WEBP
from .film_grain import FILM_GRAIN
from .gaussian import GAUSSIAN
from .impulse import RANDOM_IMPULSE, SALT_AND_PEPPER
from .kind import NoiseKind
from .poisson_gaussian import POISSON_GAUSSIAN
from .quantisation import QUANTISATION
from .speckle import SPECKLE

_ALL = (
    *(GAUSSIAN, POISSON_GAUSSIAN, CAMERA, VARIED_CAMERA, FILM_GRAIN, SPECKLE),
    *(SALT_AND_PEPPER, RANDOM_IMPULSE, BANDING, QUANTISATION, JPEG, WEBP),
)
NOISE_KINDS: Mapping[str, NoiseKind] = MappingProxyType({kind.name: kind for kind in _ALL})
"""Every kind under its name, in the order in which menus show them."""


def add_noise(
    image: Tensor, kind: str, amount: float, seed: int, *, first_frame: int = 0, clip: bool = False
) -> Tensor:
    """Noisy copy of `image` [B,H,W,C] in [0,1]; alpha is left alone.

    Args:
        kind: a key of NOISE_KINDS. amount: its strength in the kind's own unit ('gaussian': sigma on the [0,1] scale).
        seed: non-negative. first_frame: frame k alone with first_frame = k equals frame k of a batch.
        clip: keep the result in [0,1], as an 8-bit file would.

    Raises:
        TypeError, ValueError: unusable image, unknown kind, or an amount out of range.
    """
    check_image(image)
    if kind not in NOISE_KINDS:
        raise ValueError(f"noise kind {kind!r} is unknown; use one of {', '.join(NOISE_KINDS)}.")
    colour = image[..., :3].to("cpu", torch.float32)
    noisy = torch.empty_like(image, memory_format=torch.contiguous_format)
    noisy[..., 3:] = image[..., 3:]
    for index, frame in enumerate(colour):
        drawn = NOISE_KINDS[kind].apply(frame.numpy(), amount, generator(seed, frame=first_frame + index))
        noisy[index, ..., :3] = torch.from_numpy(drawn)
    return noisy.clamp_(0, 1) if clip else noisy
