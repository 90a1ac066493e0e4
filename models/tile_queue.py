"""Working through the tiles of a picture: several at once where that pays, smaller ones when memory runs out."""

from __future__ import annotations

import gc
from collections import deque
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from ..imaging.level import DenoiseError
from ..imaging.tiling import Tile
from ..monitor import Monitor

SMALLEST_TILE = 64
"""Side of the kept part in pixels. Below it the halo is nearly all of a window, and less of the rest saves nothing."""

OUT_OF_MEMORY = ("out of memory", "can't allocate memory", "not enough memory", "alloc_failed")
"""What CUDA and MPS, CPUs on Linux, CPUs on Windows, and cuBLAS or cuDNN say."""


def is_out_of_memory(error: RuntimeError) -> bool:
    """Whether torch ran out of memory: its own exception on CUDA, a plain RuntimeError with these words elsewhere."""
    text = str(error).lower()
    return isinstance(error, torch.cuda.OutOfMemoryError) or any(words in text for words in OUT_OF_MEMORY)


class TileQueue:
    """Tiles that wait for their turn.

    Args:
        tiles: in the order they shall be done. split: one tile → smaller ones that cover it.
        together: most pixels of the windows that are worked on at once; a single window may have more.
    """

    def __init__(self, tiles: Sequence[Tile], split: Callable[[Tile], list[Tile]], together: int = 0) -> None:
        self._waiting, self._split, self._together = deque(tiles), split, together
        self._done = 0

    def run(
        self, work: Callable[[list[Tile]], Tensor], add: Callable[[Tensor, Tile], None], monitor: Monitor | None = None
    ) -> int:
        """Give every tile to `work` and every window [1,C,h,w] of its answer [n,C,h,w] to `add`; how many there were.

        Raises:
            DenoiseError: out of memory even with the smallest tiles; or whatever else `work` raises.
        """
        monitor = monitor or Monitor()
        while self._waiting:
            group = self._take()
            windows = self._try(work, group)
            if windows is None:
                self._shrink(group)
                monitor.note("tiles halved for memory", True)
                continue
            for tile, window in zip(group, windows.split(1), strict=True):
                add(window, tile)
            self._done += len(group)
            monitor.advance(self._done / (self._done + len(self._waiting)))
        return self._done

    def _take(self) -> list[Tile]:
        """The next tiles whose windows are of one size."""
        group = [self._waiting.popleft()]
        height, width = group[0].window
        while self._waiting and self._waiting[0].window == (height, width):
            if (len(group) + 1) * height * width > self._together:
                break
            group.append(self._waiting.popleft())
        return group

    def _try(self, work: Callable[[list[Tile]], Tensor], group: list[Tile]) -> Tensor | None:
        """None when memory ran out and less may do; outside of it nothing of the failed try is alive any more."""
        try:
            return work(group)
        except RuntimeError as error:
            if not is_out_of_memory(error):
                raise
            if len(group) == 1 and not self._splits(group[0]):
                height, width = group[0].window
                raise DenoiseError(
                    f"memory ran out even with the smallest tiles (windows of {width}x{height} pixels); close other "
                    "programs, or choose another device or a smaller network."
                ) from error
            return None

    def _splits(self, tile: Tile) -> bool:
        """Whether smaller ones are worth a try; the network's size multiple may forbid them earlier than the floor."""
        return max(tile.kept) > SMALLEST_TILE and len(self._split(tile)) > 1

    def _shrink(self, group: list[Tile]) -> None:
        """Fewer at once, and a single tile in quarters; those still to come that are as large would fail as well."""
        gc.collect()
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        if len(group) > 1:
            self._together //= 2
            self._waiting.extendleft(reversed(group))
            return
        limit = _pixels(group[0])
        halved = [self._split(tile) if _pixels(tile) >= limit else [tile] for tile in (*group, *self._waiting)]
        self._waiting = deque(tile for tiles in halved for tile in tiles)


def _pixels(tile: Tile) -> int:
    height, width = tile.window
    return height * width
