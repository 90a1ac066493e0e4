"""Which floating-point type a network runs in."""

from __future__ import annotations

from typing import Literal, get_args

import torch

Precision = Literal["auto", "fp32", "bf16", "fp16"]
PRECISIONS: tuple[str, ...] = get_args(Precision)
_TYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}


def cpu_has_bf16() -> bool:
    """Whether this CPU multiplies bfloat16 in hardware (AMX or AVX512-BF16); elsewhere bf16 is slower than float32."""
    names = (
        "_is_amx_tile_supported",
        "_is_avx512_bf16_supported",
    )  # private, so absence must not be an error
    return any(getattr(torch.cpu, name, lambda: False)() for name in names)


def pick_dtype(
    device: torch.device, precision: str, half_is_safe: bool = True, fp16_is_safe: bool = True
) -> torch.dtype:
    """The autocast type for `precision`; `auto` takes half precision only where it is both safe and faster.

    Raises:
        ValueError: unknown name, or fp16 on a CPU.
    """
    if precision not in PRECISIONS:
        raise ValueError(f"precision {precision!r} is unknown; use one of {', '.join(PRECISIONS)}.")
    if precision == "fp16" and device.type == "cpu":
        raise ValueError("precision fp16 does not work on the CPU; use bf16, fp32 or auto.")
    if precision != "auto":
        return _TYPES[precision]
    if not half_is_safe:
        return torch.float32
    if device.type == "cuda":
        if torch.cuda.is_bf16_supported():
            return torch.bfloat16
        return torch.float16 if fp16_is_safe else torch.float32
    return torch.bfloat16 if device.type == "cpu" and cpu_has_bf16() else torch.float32
