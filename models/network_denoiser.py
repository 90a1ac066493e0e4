"""A network as a denoiser: tiles that fit into memory, half precision where safe, cancel between layers."""

from __future__ import annotations

import copy
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

import torch
from torch import Tensor, nn

from ..imaging.estimation import estimate_sigma
from ..imaging.level import DenoiseError, Level, as_sigma
from ..imaging.tiling import Joined, Tile, plan, split_tile
from ..monitor import Monitor
from .adapters import predict_clean
from .channels import fit_channels, restore_channels
from .contract import Spec
from .fused import lean_spec
from .inference import InferenceNetwork
from .placement import Placement
from .precision import pick_dtype, why_slow
from .tile_queue import SMALLEST_TILE, TileQueue
from .tile_side import best_sides, pixel_bytes

BATCHING = ("cuda", "mps", "xpu")
TOGETHER = 1 << 20
"""Pixels of small windows that these get at once; a CPU is no faster with several."""
UNKNOWN_HALO = 64
"""Where none was measured. In half precision never more, for what comes from farther away is lost in its rounding."""


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
        compiled: run through torch.compile; pays after minutes of equal work, needs a C++ compiler on the CPU.
    """

    def __init__(
        self,
        network: nn.Module,
        spec: Spec,
        placement: Placement,
        precision: str = "auto",
        tile: int = 0,
        compiled: bool = False,
    ) -> None:
        self.network, self.spec, self.placement, self.tile = network, spec, placement, tile
        self.dtype = pick_dtype(placement.device, precision, spec.half, spec.fp16)
        self._inference = InferenceNetwork(network, placement.device, self.dtype, compiled)

    def why_slow(self) -> str | None:
        """Words for a chosen precision that the device only emulates; None where it is as fast as one expects."""
        return why_slow(self.placement.device, self.dtype)

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
        other._inference = self._inference.around(network, placement.device)
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
        if level.sigma is not None:
            as_sigma(level.sigma, image)  # of the whole batch: later only frames of it are seen
        planes, level = fit_channels(image.float(), level, self.spec.channels)
        clean = torch.empty_like(planes)
        with torch.no_grad(), cancellable(self._inference.watched(), monitor):
            for frame in range(planes.shape[0]):
                one = slice(frame, frame + 1)
                self._frame(planes[one], level.frames(frame, frame + 1), monitor.part(frame, len(planes)), clean[one])
        if (slow := self.why_slow()) is not None:
            monitor.note("slow", slow)
        monitor.note("seconds", time.perf_counter() - started)
        monitor.note("device", str(self.placement.device))
        return restore_channels(clean, image.shape[1])

    def _frame(self, image: Tensor, level: Level, monitor: Monitor, clean: Tensor) -> None:
        """Denoise [1,C,H,W] into `clean`, which holds the only whole picture that is made."""
        height, width = image.shape[-2:]
        halo, multiple = self._halo(), self.spec.multiple
        tiles = plan(height, width, self._tile_sides(height, width), halo, multiple)
        monitor.note("tiles", len(tiles))
        monitor.note("halo", halo if len(tiles) > 1 else 0)
        if level.sigma is not None:
            level = replace(level, sigma=as_sigma(level.sigma, image))
        joined = Joined(clean, feathered=self.spec.global_statistics)
        together = TOGETHER if self.placement.device.type in BATCHING else 0
        queue = TileQueue(tiles, lambda tile: split_tile(tile, halo, multiple, height, width), together)
        done = queue.run(lambda group: self._windows(image, level, group, monitor), joined.add, monitor)
        joined.finish()
        if self.spec.global_statistics and done > 1:
            monitor.note("tiles blended", f"{self.spec.name} looks at the whole picture; {done} tiles differ slightly")

    def _windows(self, image: Tensor, level: Level, group: Sequence[Tile], monitor: Monitor) -> Tensor:
        """Clean windows [n,C,h,w] of tiles of one size."""
        places = [(tile.rows.outer, tile.columns.outer) for tile in group]
        windows = torch.cat([image[..., rows, columns] for rows, columns in places]).to(self.placement.device)
        if isinstance(level.sigma, Tensor) and level.sigma.shape[-2:] != (1, 1):
            level = replace(level, sigma=torch.cat([level.sigma[..., rows, columns] for rows, columns in places]))
        height, width = group[0].window
        network = self.placement.ready(len(group) * height * width * pixel_bytes(self._lean(), self.dtype))
        clean = self._forward(self._inference.prepared(network), windows, level, self.dtype)
        where = f"at row {places[0][0].start}, column {places[0][1].start}"
        if self.dtype != torch.float32 and not torch.isfinite(clean).all():
            monitor.note("repeated in fp32", f"NaN in {self.dtype} {where}")
            clean = self._forward(network, windows, level, torch.float32)
        if not torch.isfinite(clean).all():
            raise DenoiseError(
                f"{self.spec.name} gives NaN {where} even in float32; "
                "check the input for extreme values or try another denoiser."
            )
        monitor.note("precision", str(self.dtype).removeprefix("torch."))
        return clean.to(image.device)

    def _forward(self, network: nn.Module, window: Tensor, level: Level, dtype: torch.dtype) -> Tensor:
        window = window.contiguous(memory_format=torch.channels_last)
        with torch.autocast(window.device.type, dtype, enabled=dtype != torch.float32):
            return predict_clean(network, self.spec, window, level)

    def _halo(self) -> int:
        known = (self.spec.halo, self.spec.radius, UNKNOWN_HALO)
        exact = next(halo for halo in known if halo is not None)
        if self.dtype == torch.float32:
            return exact
        return min(exact, UNKNOWN_HALO) if self.spec.halo_half is None else self.spec.halo_half

    def _tile_sides(self, height: int, width: int) -> tuple[int, int]:
        """Height and width of the kept part of a tile."""
        if self.tile:
            side = max(self.tile, SMALLEST_TILE)
            return side, side
        free = self.placement.free_bytes()
        if self.spec.global_statistics and height * width * pixel_bytes(self.spec, self.dtype) <= free / 2:
            return height, width
        return best_sides(self._lean(), self._halo(), self.placement.device, self.dtype, free, height, width)

    def _lean(self) -> Spec:
        """The spec of the form in which the network runs."""
        return lean_spec(self._inference.watched(), self.spec)
