"""Sample Loop: the whole denoising loop in one node."""

from __future__ import annotations

import time
from typing import Any

import torch

from .. import host
from ..schedulers.base import State
from ..schedulers.loop import run_loop
from .common import answer, facts
from .registry import node
from .states import STATE_INPUT, current_picture, describe
from .widgets import integer


@node("Sample Loop (diffusion)", "Loop", ("sampler", "KSampler", "denoising loop", "reverse process", "generate"))
class SampleLoop:
    """Predict, step, repeat."""

    DESCRIPTION = (
        "Runs Predict Clean and Scheduler Step until the schedule ends, with progress, a preview of each clean "
        "estimate and cancelling. The result equals the same steps wired by hand, bit for bit."
    )
    RETURN_TYPES = ("IMAGE", "IMAGE", "DENOISE_STATE", "STRING")
    RETURN_NAMES = ("image", "trajectory", "state", "report")
    OUTPUT_TOOLTIPS = (
        "The picture at the end.",
        "The way there as a batch: the start, the steps that were kept, and the end; of all frames each time.",
        "The final state.",
        "What was done: denoiser, steps, tiles, precision, device, seconds.",
    )
    FUNCTION = "sample"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:  # noqa: N802
        """Inputs in the order of saved workflows: append only."""
        return {
            "required": {
                "denoiser": ("DENOISER", {"tooltip": "Any denoiser goes with any scheduler."}),
                "state": STATE_INPUT,
                "keep_every": integer(
                    0,
                    0,
                    1000,
                    "The trajectory holds the start, every n-th step and the end; 0 = only start and end.",
                ),
            }
        }

    def sample(self, denoiser: Any, state: Any, keep_every: int) -> dict[str, Any]:
        """The whole loop."""
        started = time.perf_counter()
        monitor = host.monitor()
        first = state
        way = [current_picture(first)]

        def keep(after: State) -> None:
            if keep_every and (after.step - first.step) % keep_every == 0 and not after.done:
                way.append(current_picture(after))

        final = run_loop(first, denoiser, monitor, keep)
        image = current_picture(final)
        report = f"{denoiser.spec.name} · {describe(final)}"
        report += f"\n{facts(monitor.notes, image)} · {time.perf_counter() - started:.2f} s"
        return answer(report, image, torch.cat([*way, image]), final, report)
