"""The most memory that a piece of work takes."""

from __future__ import annotations

import contextlib
import ctypes
import math
from pathlib import Path
from types import TracebackType

import torch

STATUS, RESET = Path("/proc/self/status"), Path("/proc/self/clear_refs")


class PeakMemory:
    """`with PeakMemory() as peak: …` then `peak.bytes`: what the work took at most beyond what was taken before.

    On CUDA the memory of tensors on the device. On Linux the resident memory of the process. Elsewhere NaN.
    """

    def __init__(self, device: torch.device | None = None) -> None:
        self.bytes = math.nan
        self._device = device if device is not None and device.type == "cuda" else None
        self._before = math.nan

    def __enter__(self) -> PeakMemory:
        if self._device is not None:
            torch.cuda.reset_peak_memory_stats(self._device)
            self._before = torch.cuda.memory_allocated(self._device)
        else:
            self._before = _resident() if _reset_peak() else math.nan
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        peak = torch.cuda.max_memory_allocated(self._device) if self._device is not None else _resident("VmHWM")
        self.bytes = max(peak - self._before, 0.0)  # NaN stays NaN in this order


def _reset_peak() -> bool:
    """Let Linux start a new high-water mark (man 5 proc, clear_refs); False where that is impossible."""
    with contextlib.suppress(AttributeError, OSError, TypeError):  # only glibc can
        # Memory that earlier work has freed would be used again without being counted: hand it back first.
        ctypes.CDLL(None).malloc_trim(0)
    try:
        RESET.write_text("5", encoding="ascii")
    except OSError:
        return False
    return True


def _resident(name: str = "VmRSS") -> float:
    try:
        lines = STATUS.read_text(encoding="ascii").splitlines()
    except OSError:
        return math.nan
    return next((float(line.split()[1]) * 1024 for line in lines if line.startswith(name)), math.nan)
