"""Denoising many files: every device has a denoiser, and files are read and written while it works."""

from __future__ import annotations

import argparse
import queue
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from functools import partial
from pathlib import Path, PurePath

import torch
from torch import Tensor

from ..imaging.estimation import estimate_sigma
from ..imaging.files import save_picture
from ..imaging.level import DenoiseError
from ..imaging.raw import load_photo
from ._errors import named
from ._inputs import clean_picture, open_denoiser
from ._manifest import Row

THREADS_PER_DEVICE = 3
"""One computes, one reads, one writes."""
PAUSE_SECONDS = 0.2
FAILURES = (
    *(ValueError, TypeError, OSError, RuntimeError, MemoryError),
    *(ArithmeticError, AttributeError, LookupError, SyntaxError),
)
"""What a damaged file or a full device may raise; the last ones come from decoders that trust their input."""
WAITING_PER_THREAD = 4
"""Files handed to the pool ahead of time; a folder may hold millions."""


def all_devices(device: str) -> list[str]:
    """'auto' → every CUDA device, else the one that 'auto' means; a list separated by commas → its members."""
    if device == "auto" and torch.cuda.is_available():
        return [f"cuda:{index}" for index in range(torch.cuda.device_count())]
    return [name.strip() for name in device.split(",")]


class Workers:
    """Args: the command's options. Raises DenoiseError or ValueError when there is no such denoiser or device."""

    def __init__(self, args: argparse.Namespace) -> None:
        self._args = args
        self._free: queue.SimpleQueue = queue.SimpleQueue()
        self._devices = all_devices(args.device)
        for device in self._devices:
            self._free.put(open_denoiser(args, device))
        self._stop = threading.Event()

    def work(self, files: Mapping[PurePath, PurePath], source: Path, target: Path) -> Iterator[Row]:
        """A row for every picture → result, both below their folders, as they are finished."""
        threads = THREADS_PER_DEVICE * len(self._devices)
        pool = ThreadPoolExecutor(threads)
        running: set[Future[Row]] = set()
        try:
            for file, result in files.items():
                running.add(pool.submit(self._file, file, source / file, target / result))
                if len(running) >= WAITING_PER_THREAD * threads:
                    done, running = wait(running, return_when=FIRST_COMPLETED)
                    yield from (task.result() for task in done)
            while running:
                done, running = wait(running, return_when=FIRST_COMPLETED)
                yield from (task.result() for task in done)
        finally:
            self._stop.set()
            pool.shutdown(wait=True, cancel_futures=True)

    def _file(self, name: PurePath, source: Path, target: Path) -> Row:
        work = partial(self._denoise, source, target)
        return tried(name.as_posix(), self._args.retries, work, PAUSE_SECONDS, self._stop.is_set)

    def _denoise(self, source: Path, target: Path) -> float:
        """Estimated sigma on the 0–255 scale."""
        image, info = load_photo(source, self._args.raw)
        denoiser = self._free.get()
        try:
            clean = clean_picture(image, denoiser, self._args)
        finally:
            self._free.put(denoiser)
        target.parent.mkdir(parents=True, exist_ok=True)
        save_picture(clean[0], target, info, self._args.quality)
        return noise_in(image)


def noise_in(image: Tensor) -> float:
    """Estimated sigma of [1,H,W,C] on the 0–255 scale, for the manifest."""
    return 255 * float(estimate_sigma(image[..., :3].permute(0, 3, 1, 2)).mean())


def tried(
    name: str,
    retries: int,
    work: Callable[[], float],
    pause: float,
    stopped: Callable[[], bool] = lambda: False,
) -> Row:
    """The manifest's row of a picture after work(), which gives its sigma on the 0–255 scale.

    Args:
        retries: how often it is tried again after a failure that may pass. pause: seconds before the first of them,
            twice as long before each further one. stopped: whether not to try again.
    """
    started = time.perf_counter()
    for number in range(retries + 1):
        try:
            sigma = work()
            return Row(name, f"{sigma:.2f}", f"{time.perf_counter() - started:.3f}")
        except FAILURES as error:
            hopeless = isinstance(error, (DenoiseError, TypeError, FileNotFoundError))
            if hopeless or number == retries or stopped():
                return Row(name, "", f"{time.perf_counter() - started:.3f}", named(error, name))
            time.sleep(pause * 2**number)
    raise AssertionError("the loop returns")
