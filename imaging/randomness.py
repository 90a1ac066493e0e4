"""Random numbers that depend only on (seed, step, frame): the same picture whatever the batch, device or order."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch
from torch import Tensor


def generator(seed: int, step: int = 0, frame: int = 0) -> np.random.Generator:
    """The generator of one frame at one step. `seed`, `step` and `frame` are non-negative integers of any size."""
    if min(seed, step, frame) < 0:
        raise ValueError(f"seed, step and frame must not be negative, got {seed}, {step}, {frame}.")
    # NumPy strings the 32-bit words of all numbers together and fills up to four with zeros: without an end mark,
    # seed 5 + (1 << 32) would draw at step 0 what seed 5 draws at step 1.
    mark = (0,) if seed >= 1 << 32 else ()
    return np.random.Generator(np.random.Philox(np.random.SeedSequence((seed, step, frame, *mark))))


def normal(shape: tuple[int, ...], seed: int, step: int = 0, first_frame: int = 0) -> Tensor:
    """Standard normal float32 [B, ...] on the CPU; frame k alone with first_frame=k equals frame k of a batch."""
    frames = [
        generator(seed, step, first_frame + index).standard_normal(shape[1:], dtype=np.float32)
        for index in range(shape[0])
    ]
    return torch.from_numpy(np.stack(frames)) if frames else torch.zeros(shape)


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Inside, what torch draws on the CPU starts from `seed`; afterwards everybody's random numbers go on as before.

    `torch.manual_seed` would also start those of the GPUs anew, for everything else that runs in this process.
    """
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        yield
