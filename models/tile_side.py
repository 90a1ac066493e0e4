"""How large tiles should be: halos are work done twice, and memory is not all equally fast."""

from __future__ import annotations

import torch

from ..imaging.tiling import round_up
from .contract import Spec

LARGEST_TILE = 3072
CPU_ACTIVATIONS = 2 << 30
"""Bytes that the activations of one window may take on the CPU, however much is free."""
MAPPED_BYTES = 30 << 20
"""From 32 MiB on, the C library gets every layer's output anew from the kernel, which has to clear it page by page."""
MAPPED_COST = {torch.float32: 1.25}
MAPPED_COST_HALF = 1.7
"""How much longer a layer takes then, measured on two cores of an Intel Xeon with AMX."""
STEP = 64


def pixel_bytes(spec: Spec, dtype: torch.dtype) -> int:
    """Bytes of activations per pixel of a window."""
    return max(1, int(spec.activation_bytes * _share(dtype)))


def best_sides(
    spec: Spec, halo: int, device: torch.device, dtype: torch.dtype, free: int, height: int, width: int
) -> tuple[int, int]:
    """Height and width of the kept part of a tile in pixels: the least work on a picture of this size.

    A picture's borders need no halo, so that few wide tiles may beat many square ones. The activations of a window
    take at most half of `free` bytes.
    """
    on_cpu = device.type == "cpu"
    budget = min(free // 2, CPU_ACTIVATIONS) if on_cpu else free // 2
    allowed = budget // pixel_bytes(spec, dtype)
    quick = MAPPED_BYTES / (spec.map_bytes * _share(dtype)) if on_cpu else float("inf")
    slower = MAPPED_COST.get(dtype, MAPPED_COST_HALF)

    def work(sides: tuple[int, int]) -> float:
        lines = [(length, side, -(-length // side)) for length, side in zip((height, width), sides, strict=True)]
        worked = [length + 2 * halo * (count - 1) for length, _, count in lines]
        window = [min(length, side + halo * min(2, count - 1)) for length, side, count in lines]
        area = window[0] * window[1]
        return worked[0] * worked[1] * (1.0 if area <= quick else slower) if area <= allowed else float("inf")

    choices = [(rows, columns) for rows in _even_sides(height) for columns in _even_sides(width)]
    return min(choices, key=work)


def _even_sides(length: int) -> list[int]:
    """Sides that cut a line into equal pieces, smallest first, so that the smallest is taken if none fits memory."""
    largest = -(-length // LARGEST_TILE)
    counts = range(largest, -(-length // STEP) + 1)
    return sorted({round_up(-(-length // count), STEP) for count in counts})


def _share(dtype: torch.dtype) -> float:
    return 1.0 if dtype == torch.float32 else 0.5
