"""The denoising loop opened up: Start Denoising, Predict Clean, Scheduler Step."""

from __future__ import annotations

from typing import Any

import torch

from .. import host
from ..imaging.estimation import estimate_sigma
from ..imaging.level import DenoiseError
from ..schedulers.base import Scheduler
from ..schedulers.known import KnownPixels
from ..schedulers.prediction import predicted_noise, score
from .common import SIGMA_SCALE, answer, first_frame_input, seed_input
from .registry import node
from .states import STATE_INPUT, current_picture, describe, to_image, to_planes
from .widgets import integer, real

PURE_NOISE_RANGE = 3.0
"""Predicted noise has deviation 1; this many deviations to each side fill the range from black to white."""


def _sample_size(scheduler: Scheduler, height: int, width: int) -> tuple[int, int]:
    """The widgets' size, or the one that the known pixels ask for where both are 0."""
    if height and width:
        return height, width
    size = scheduler.size if isinstance(scheduler, KnownPixels) else None
    if size is None:
        raise DenoiseError("width and height are needed: only Known Pixels with a mask says what size to make.")
    return size


@node("Start Denoising", "Loop", ("diffusion", "initial noise", "empty latent", "set timesteps", "generate"))
class StartDenoising:
    """The state at the noisy end."""

    DESCRIPTION = (
        "Begins a denoising process: with a noisy picture, which enters the schedule where its noise level belongs, or "
        "without one, with pure noise of the chosen size, to generate a picture."
    )
    RETURN_TYPES = ("DENOISE_STATE", "IMAGE", "INT")
    RETURN_NAMES = ("state", "image", "steps")
    OUTPUT_TOOLTIPS = (
        "The state before the first step.",
        "The picture it starts from; pure noise is shown at the contrast of a picture.",
        "Number of steps to the end.",
    )
    FUNCTION = "start"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:  # noqa: N802
        """Inputs in the order of saved workflows: append only."""
        side = "Used without a picture only. 0 = the size of the picture given to Known Pixels with a mask."
        return {
            "required": {
                "scheduler": ("DENOISE_SCHEDULER", {"tooltip": "From a scheduler node or Known Pixels."}),
                "sigma": real(
                    0.0,
                    0.0,
                    10000.0,
                    0.01,
                    "Noise level of the picture (standard deviation) on the 0–255 scale; 0 = measured, as the root "
                    "mean square over the batch.",
                ),
                "seed": seed_input(),
                "width": integer(64, 0, 16384, f"Pixels. {side}"),
                "height": integer(64, 0, 16384, f"Pixels. {side}"),
                "batch_size": integer(1, 1, 4096, "Number of pictures. Used without a picture only."),
                "first_frame": first_frame_input(),
            },
            "optional": {"image": ("IMAGE", {"tooltip": "The noisy picture; leave open to generate from noise."})},
        }

    def start(
        self,
        scheduler: Any,
        sigma: float,
        seed: int,
        width: int,
        height: int,
        batch_size: int,
        first_frame: int,
        image: torch.Tensor | None = None,
    ) -> dict[str, Any]:
        """From the picture if there is one."""
        if image is None:
            shape = (batch_size, 3, *_sample_size(scheduler, height, width))
            state = scheduler.start_from_noise(shape, seed=seed, first_frame=first_frame)
        else:
            planes = to_planes(image)
            level = sigma / SIGMA_SCALE if sigma > 0 else float(estimate_sigma(planes).square().mean().sqrt())
            state = scheduler.start(planes, sigma=level, seed=seed, first_frame=first_frame)
        return answer(describe(state), state, current_picture(state), state.steps)


@node("Predict Clean", "Loop", ("diffusion", "model prediction", "noise residual", "score", "epsilon"))
class PredictClean:
    """What the denoiser says about a state."""

    DESCRIPTION = (
        "Shows the current picture to a denoiser. Its clean estimate, the noise it saw and the score of the picture "
        "are the same statement in three languages: noise = (noisy − clean)/sigma, score = (clean − noisy)/sigma²."
    )
    RETURN_TYPES = ("IMAGE", "IMAGE", "IMAGE")
    RETURN_NAMES = ("clean", "noise", "score")
    OUTPUT_TOOLTIPS = (
        "The clean estimate, for Scheduler Step. It is not clipped.",
        "The predicted noise in units of sigma, ±3 from black to white. Without a known sigma, in units of its own.",
        "sigma²·score, the change the denoiser asks for, around middle gray.",
    )
    FUNCTION = "predict"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:  # noqa: N802
        """Inputs in the order of saved workflows: append only."""
        return {
            "required": {
                "denoiser": ("DENOISER", {"tooltip": "Any denoiser goes with any scheduler."}),
                "state": STATE_INPUT,
            }
        }

    def predict(self, denoiser: Any, state: Any) -> dict[str, Any]:
        """One call of the denoiser."""
        picture, level = state.scheduler.view(state)
        if state.done:
            raise ValueError(f"all {state.steps} steps are taken; nothing is left to predict.")
        clean = denoiser(picture, level, host.monitor())
        sigma = level.sigma
        if sigma is None:
            sigma = (picture - clean).square().mean((1, 2, 3), keepdim=True).sqrt()
        sigma = torch.as_tensor(sigma).clamp_min(1e-8)
        noise = predicted_noise(picture, clean, sigma) / (2 * PURE_NOISE_RANGE) + 0.5
        change = score(picture, clean, sigma) * sigma**2 + 0.5
        return answer(describe(state), to_image(clean), to_image(noise.clamp(0, 1)), to_image(change.clamp(0, 1)))


@node("Scheduler Step", "Loop", ("diffusion step", "previous sample", "sampler step"))
class SchedulerStep:
    """One step of whatever scheduler the state came from."""

    DESCRIPTION = (
        "Takes one step: from a state and a clean estimate to a less noisy state. Pure arithmetic, which depends on "
        "its inputs alone, so steps can be chained by hand, looped, cached and run again."
    )
    RETURN_TYPES = ("DENOISE_STATE", "IMAGE", "IMAGE", "INT", "BOOLEAN")
    RETURN_NAMES = ("state", "image", "clean", "step", "done")
    OUTPUT_TOOLTIPS = (
        "The state after the step.",
        "The picture after the step.",
        "The clean estimate as the step used it, after clipping.",
        "How many steps are taken.",
        "Whether that was the last one.",
    )
    FUNCTION = "step"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:  # noqa: N802
        """Inputs in the order of saved workflows: append only."""
        clean = ("IMAGE", {"tooltip": "The clean estimate, from Predict Clean or Guided Prediction."})
        return {"required": {"state": STATE_INPUT, "clean": clean}}

    def step(self, state: Any, clean: torch.Tensor) -> dict[str, Any]:
        """One call of the scheduler."""
        estimate = to_planes(clean, "clean")
        after = state.scheduler.step(state, estimate)
        used = estimate if after.clean is None else after.clean
        return answer(describe(after), after, current_picture(after), to_image(used), after.step, after.done)
