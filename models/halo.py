"""How wide a tile's discarded border must be: measured once per network on real pictures, kept in its metadata."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from ..imaging.level import DenoiseError, Level
from ..imaging.tiling import round_up
from .adapters import predict_clean
from .contract import Spec

TOLERANCE = 1e-4


def measure_halo(
    network: nn.Module, spec: Spec, images: Sequence[Tensor], level: Level = Level(), tolerance: float = TOLERANCE
) -> int:
    """The smallest halo with |tiled − whole| < tolerance everywhere on `images`, rounded up to the size multiple.

    Each picture is cut in two, across and along; the pixels that change by `tolerance` or more tell how far the cut
    is felt. Never more than the receptive radius.

    Args:
        images: noisy pictures [1,C,H,W] on the [0,1] scale, with the network's planes and at least twice its radius.
        level: what the network is told about their noise.

    Raises:
        DenoiseError: a network with global statistics, or a cut that is felt through the whole picture.
    """
    if spec.global_statistics:
        raise DenoiseError(f"{spec.name} looks at the whole picture, so that no halo makes tiles equal to it.")
    with torch.no_grad():
        reach = max(_reach(network, spec, image, level, axis, tolerance) for image in images for axis in (2, 3))
    if spec.radius is not None:
        reach = min(reach, spec.radius)
    return round_up(reach, spec.multiple)


def _reach(network: nn.Module, spec: Spec, image: Tensor, level: Level, axis: int, tolerance: float) -> int:
    """How many pixels from a cut across `axis` still differ from the uncut picture."""
    whole = predict_clean(network, spec, image, level)
    length = image.shape[axis]
    middle = round_up(length // 2, spec.multiple)
    reach = 0
    for start, stop in ((0, middle), (middle, length)):
        part = predict_clean(network, spec, image.narrow(axis, start, stop - start), level)
        change = (part - whole.narrow(axis, start, stop - start)).abs().amax(dim=(0, 1, 5 - axis))
        felt = torch.nonzero(change >= tolerance).flatten()
        if felt.numel() == 0:
            continue
        # Counted from the cut, which is at the end of the first part and at the start of the second.
        farthest = middle - int(felt[0]) if start == 0 else int(felt[-1]) + 1
        if farthest >= stop - start:
            raise DenoiseError(f"the halo of {spec.name} is wider than half the picture; measure it on a larger one.")
        reach = max(reach, farthest)
    return reach
