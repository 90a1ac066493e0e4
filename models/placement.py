"""Where a network lives and how much memory it may take. The plain version; ComfyUI's own is in `host.py`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Protocol

import torch
from torch import nn

FALLBACK_FREE_BYTES = 4 << 30


class Placement(Protocol):
    """The device of one network, seen by the code that runs it."""

    device: torch.device

    def ready(self, activation_bytes: int) -> nn.Module:
        """The network on its device, with room for that many bytes of activations."""
        ...

    def free_bytes(self) -> int:
        """Bytes that activations may still take on the device."""
        ...


def default_device() -> torch.device:
    """CUDA, else Apple's MPS, else the CPU."""
    if torch.cuda.is_available():
        return torch.device("cuda")
    if torch.backends.mps.is_available():
        return torch.device("mps")
    return torch.device("cpu")


def resolve_device(device: str | torch.device) -> torch.device:
    """'auto' or a torch device name → device. Raises ValueError for a name torch cannot use here."""
    if device == "auto":
        return default_device()
    try:
        resolved = torch.device(device)
        torch.empty(1, device=resolved)
    except (RuntimeError, AssertionError) as error:
        raise ValueError(f"device {str(device)!r} cannot be used here; try 'auto' or 'cpu'.") from error
    return resolved


def free_host_bytes() -> int:
    """Memory the operating system could still hand out, in bytes."""
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
        available = next(line for line in lines if line.startswith("MemAvailable"))
        return int(available.split()[1]) * 1024
    except (OSError, StopIteration):
        pass  # not Linux
    names = getattr(os, "sysconf_names", {})
    if "SC_AVPHYS_PAGES" in names and "SC_PAGE_SIZE" in names:
        return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return FALLBACK_FREE_BYTES


def free_device_bytes(device: torch.device) -> int:
    """Free memory of a device in bytes."""
    return torch.cuda.mem_get_info(device)[0] if device.type == "cuda" else free_host_bytes()


class PlainPlacement:
    """Keeps the network on one device for as long as it lives."""

    def __init__(self, network: nn.Module, device: torch.device) -> None:
        self.device = device
        self._network = network.eval().to(device)

    def ready(self, activation_bytes: int) -> nn.Module:
        """The network; nothing else has to make room."""
        return self._network

    def free_bytes(self) -> int:
        """Free memory of the device."""
        return free_device_bytes(self.device)
