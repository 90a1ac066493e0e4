"""Denoising many files: every device has a denoiser, and files are read and written while it works."""

from __future__ import annotations

import argparse
import queue
import threading
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from pathlib import Path, PurePath

import torch

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
        started = time.perf_counter()
        for attempt in range(self._args.retries + 1):
            try:
                sigma = self._denoise(source, target)
                return Row(name.as_posix(), f"{sigma:.2f}", f"{time.perf_counter() - started:.3f}")
            except FAILURES as error:
                hopeless = isinstance(error, (DenoiseError, TypeError, FileNotFoundError))
                if hopeless or attempt == self._args.retries or self._stop.is_set():
                    seconds = f"{time.perf_counter() - started:.3f}"
                    return Row(name.as_posix(), "", seconds, named(error, name.as_posix()))
                time.sleep(PAUSE_SECONDS * 2**attempt)
        raise AssertionError("the loop returns")

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
        return 255 * float(estimate_sigma(image[..., :3].permute(0, 3, 1, 2)).mean())
