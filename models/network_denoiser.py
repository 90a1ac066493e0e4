"""A network as a denoiser: tiles that fit into memory, half precision where safe, cancel between layers."""

from __future__ import annotations

import copy
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import torch
from torch import Tensor, nn

from ..imaging.estimation import estimate_sigma
from ..imaging.level import DenoiseError, Level, Sigma, as_sigma
from ..imaging.tiling import Joined, Tile, plan, split_tile
from ..monitor import Monitor
from .adapters import predict_clean
from .channels import fit_channels, restore_channels
from .contract import Spec
from .placement import Placement
from .precision import pick_dtype

LARGEST_TILE = {"cpu": 512}
"""Beyond this, activations leave the CPU's caches and every layer waits for memory."""
LARGEST_TILE_ELSEWHERE = 2048
SMALLEST_TILE = 64


def is_out_of_memory(error: RuntimeError) -> bool:
    """Whether torch ran out of memory: its own exception on CUDA, a plain RuntimeError with these words elsewhere."""
    text = str(error).lower()
    return isinstance(error, torch.cuda.OutOfMemoryError) or "out of memory" in text or "can't allocate memory" in text


@contextmanager
def cancellable(network: nn.Module, monitor: Monitor) -> Iterator[None]:
    """Inside, every layer of `network` first asks whether the user has cancelled."""
    leaves = [module for module in network.modules() if not any(module.children())]
    handles = [leaf.register_forward_pre_hook(lambda *_: monitor.check()) for leaf in leaves]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


class NetworkDenoiser:
    """The contract around an nn.Module.

    Args:
        network: the raw network, weights loaded.
        spec: its metadata.
        placement: where it runs.
        precision: auto, fp32, bf16 or fp16 (autocast; weights stay float32).
        tile: side of a tile in pixels; 0 = as large as memory and caches like it.
    """

    def __init__(
        self, network: nn.Module, spec: Spec, placement: Placement, precision: str = "auto", tile: int = 0
    ) -> None:
        self.network, self.spec, self.placement, self.tile = network, spec, placement, tile
        self.dtype = pick_dtype(placement.device, precision, spec.half, spec.fp16)

    def reading(self, spec: Spec) -> NetworkDenoiser:
        """The same network in the same place, described otherwise."""
        other = copy.copy(self)
        other.spec = spec
        return other

    def tiled(self, tile: int) -> NetworkDenoiser:
        """The same network with another tile side in pixels; 0 = automatic."""
        other = copy.copy(self)
        other.tile = tile
        return other

    def moved(self, network: nn.Module, placement: Placement) -> NetworkDenoiser:
        """The same settings around another network of the same kind."""
        other = copy.copy(self)
        other.network, other.placement = network, placement
        return other

    def __call__(self, image: Tensor, level: Level = Level(), monitor: Monitor | None = None) -> Tensor:
        """See `Denoiser`. An unknown sigma is estimated from the picture if the network must be told.

        Raises:
            DenoiseError: unusable level or channels, or NaN that float32 does not cure.
        """
        monitor = monitor or Monitor()
        started = time.perf_counter()
        if self.spec.needs_sigma and level.sigma is None:
            level = replace(level, sigma=estimate_sigma(image))
            monitor.note("sigma (estimated)", level.sigma)
        planes, level = fit_channels(image.float(), level, self.spec.channels)
        clean = torch.empty_like(planes)
        with torch.no_grad(), cancellable(self.network, monitor):
            for frame in range(planes.shape[0]):
                part = monitor.part(frame, planes.shape[0])
                clean[frame : frame + 1] = self._frame(planes[frame : frame + 1], level.frames(frame, frame + 1), part)
        monitor.note("seconds", time.perf_counter() - started)
        monitor.note("device", str(self.placement.device))
        return restore_channels(clean, image.shape[1])

    def _frame(self, image: Tensor, level: Level, monitor: Monitor) -> Tensor:
        height, width = image.shape[-2:]
        halo, multiple = self._halo(), self.spec.multiple
        waiting = deque(plan(height, width, self._tile_side(height, width), halo, multiple))
        monitor.note("tiles", len(waiting))
        monitor.note("halo", halo if len(waiting) > 1 else 0)
        joined, done = Joined(image, feathered=self.spec.global_statistics), 0
        while waiting:
            tile = waiting.popleft()
            try:
                piece = self._window(image, level, tile, monitor)
            except RuntimeError as error:
                if not is_out_of_memory(error) or min(tile.window) <= SMALLEST_TILE:
                    raise
                waiting.extendleft(split_tile(tile, halo, multiple, height, width))
                monitor.note("tiles halved for memory", True)
                continue
            joined.add(piece, tile)
            done += 1
            monitor.advance(done / (done + len(waiting)))
        if self.spec.global_statistics and done > 1:
            monitor.note("tiles blended", f"{self.spec.name} looks at the whole picture; {done} tiles differ slightly")
        return joined.result()

    def _window(self, image: Tensor, level: Level, tile: Tile, monitor: Monitor) -> Tensor:
        rows, columns = tile.rows.outer, tile.columns.outer
        device = self.placement.device
        window = image[..., rows, columns].to(device)
        level = replace(level, sigma=_crop(level.sigma, image, rows, columns))
        network = self.placement.ready(self._bytes(*tile.window))
        clean = self._forward(network, window, level, self.dtype)
        if self.dtype != torch.float32 and not torch.isfinite(clean).all():
            monitor.note("repeated in fp32", f"NaN in {self.dtype} at row {rows.start}, column {columns.start}")
            clean = self._forward(network, window, level, torch.float32)
        if not torch.isfinite(clean).all():
            raise DenoiseError(
                f"{self.spec.name} gives NaN at row {rows.start}, column {columns.start} even in float32; "
                "check the input for extreme values or try another denoiser."
            )
        monitor.note("precision", str(self.dtype).removeprefix("torch."))
        return clean.to(image.device)

    def _forward(self, network: nn.Module, window: Tensor, level: Level, dtype: torch.dtype) -> Tensor:
        window = window.contiguous(memory_format=torch.channels_last)
        with torch.autocast(window.device.type, dtype, enabled=dtype != torch.float32):
            return predict_clean(network, self.spec, window, level)

    def _halo(self) -> int:
        if self.spec.halo is not None:
            return self.spec.halo
        return self.spec.radius if self.spec.radius is not None else 64

    def _bytes(self, height: int, width: int) -> int:
        share = 1.0 if self.dtype == torch.float32 else 0.5
        return int(height * width * self.spec.activation_bytes * share)

    def _tile_side(self, height: int, width: int) -> int:
        """Side of the kept part, so that a window's activations take at most half of the free memory."""
        if self.tile:
            return max(self.tile, SMALLEST_TILE)
        pixels = self.placement.free_bytes() / 2 / max(1, self._bytes(1, 1))
        if self.spec.global_statistics and height * width <= pixels:
            return max(height, width)
        side = int(pixels**0.5) - 2 * self._halo()
        largest = LARGEST_TILE.get(self.placement.device.type, LARGEST_TILE_ELSEWHERE)
        return max(SMALLEST_TILE, min(side, largest))


def _crop(sigma: Sigma, image: Tensor, rows: slice, columns: slice) -> Sigma:
    if sigma is None:
        return None
    values = as_sigma(sigma, image)
    return values if values.shape[-2:] == (1, 1) else values[..., rows, columns]
