"""How large a tile should be: halos are work done twice, and memory is not all equally fast."""

from __future__ import annotations

import torch

from .contract import Spec

LARGEST_TILE = 2048
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


def best_side(spec: Spec, halo: int, device: torch.device, dtype: torch.dtype, free: int) -> int:
    """Side of the kept part of a tile in pixels: the least work, with activations in at most half of `free` bytes."""
    on_cpu = device.type == "cpu"
    budget = min(free // 2, CPU_ACTIVATIONS) if on_cpu else free // 2
    widest = int((budget / pixel_bytes(spec, dtype)) ** 0.5) - 2 * halo
    largest = max(STEP, min(widest, LARGEST_TILE))
    if not on_cpu:
        return largest
    mapped = int((MAPPED_BYTES / (spec.map_bytes * _share(dtype))) ** 0.5)

    def work(side: int) -> float:
        cost = 1.0 if side + 2 * halo <= mapped else MAPPED_COST.get(dtype, MAPPED_COST_HALF)
        return cost * ((side + 2 * halo) / side) ** 2

    return min([*range(STEP, largest, STEP), largest, max(STEP, min(largest, mapped - 2 * halo))], key=work)


def _share(dtype: torch.dtype) -> float:
    return 1.0 if dtype == torch.float32 else 0.5
