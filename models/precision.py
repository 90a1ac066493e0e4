"""Which floating-point type a network runs in."""

from __future__ import annotations

from typing import Literal, get_args

import torch

Precision = Literal["auto", "fp32", "bf16", "fp16"]
PRECISIONS: tuple[str, ...] = get_args(Precision)
KINDS = {"cpu": "CPU", "cuda": "GPU"}
_TYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}


def cpu_has_bf16() -> bool:
    """Whether this CPU multiplies bfloat16 in hardware (AMX or AVX512-BF16); elsewhere bf16 is slower than float32."""
    names = (
        "_is_amx_tile_supported",
        "_is_avx512_bf16_supported",
    )  # private, so absence must not be an error
    return any(getattr(torch.cpu, name, lambda: False)() for name in names)


def gpu_has_bf16(device: torch.device) -> bool:
    """Whether this GPU multiplies bfloat16 in hardware: NVIDIA's from Ampere on, and what ROCm supports.

    `torch.cuda.is_bf16_supported` also counts older ones, which emulate it and are slower than in float32.
    """
    return torch.version.hip is not None or torch.cuda.get_device_capability(device) >= (8, 0)


def why_slow(device: torch.device, dtype: torch.dtype) -> str | None:
    """Words for a type that this device only emulates; None where it is as fast as one expects."""
    if dtype != torch.bfloat16 or device.type not in ("cpu", "cuda"):
        return None
    if cpu_has_bf16() if device.type == "cpu" else gpu_has_bf16(device):
        return None
    return f"bf16 is only emulated on this {KINDS[device.type]} and far slower than fp32; choose precision auto or fp32"


def check_precision(precision: str) -> None:
    """Raise ValueError for a name that is none of PRECISIONS."""
    if precision not in PRECISIONS:
        raise ValueError(f"precision {precision!r} is unknown; use one of {', '.join(PRECISIONS)}.")


def pick_dtype(
    device: torch.device, precision: str, half_is_safe: bool = True, fp16_is_safe: bool = True
) -> torch.dtype:
    """The autocast type for `precision`; `auto` takes half precision only where it is both safe and faster.

    Raises:
        ValueError: unknown name, or fp16 on a CPU.
    """
    check_precision(precision)
    if precision == "fp16" and device.type == "cpu":
        raise ValueError("precision fp16 does not work on the CPU; use bf16, fp32 or auto.")
    if precision != "auto":
        return _TYPES[precision]
    if not half_is_safe:
        return torch.float32
    if device.type == "cuda":
        if gpu_has_bf16(device):
            return torch.bfloat16
        return torch.float16 if fp16_is_safe else torch.float32
    return torch.bfloat16 if device.type == "cpu" and cpu_has_bf16() else torch.float32
