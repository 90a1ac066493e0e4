"""DDPM Scheduler and DDIM Scheduler."""

from __future__ import annotations

from typing import Any

from .. import schedulers as processes
from ..imaging.noise_schedule import BETA_SCHEDULES, NoiseSchedule
from ..schedulers.limit import Limit
from .registry import node
from .scheduler_base import SchedulerNode
from .widgets import Widget, choice, integer, real, switch

STEPS = "Visits of the denoiser. A picture with little noise enters the chain late and may take fewer."


def chain_inputs() -> dict[str, Widget]:
    """The widgets that the two have in common."""
    return {
        "beta_schedule": choice(
            BETA_SCHEDULES, "How the noise grows over the chain: linear (DDPM), scaled_linear (latent models), cosine."
        ),
        "spacing": choice(
            ("trailing", "leading", "linspace"),
            "Which timesteps are visited: equal strides down from the last (trailing), multiples of a stride (leading, "
            "never the noisiest), from the last to the first (linspace).",
        ),
        "limit": choice(
            ("clip", "threshold", "none"),
            "What keeps clean estimates in range: clip, or dynamic thresholding, which pulls saturated pictures in.",
        ),
        "limit_bound": real(
            1.0,
            0.1,
            100.0,
            0.05,
            "Where to clip on the [-1,1] scale (1 = the range of pictures), or the most to pull in.",
        ),
        "limit_ratio": real(0.995, 0.5, 1.0, 0.001, "Dynamic thresholding only: share of pixels that must be inside."),
        "train_timesteps": integer(1000, 1, 100000, "Length of the whole chain."),
        "beta_start": real(0.0001, 0.000001, 0.5, 0.000001, "Variance added by the first timestep; not for cosine."),
        "beta_end": real(0.02, 0.000001, 0.999, 0.000001, "Variance added by the last timestep; not for cosine."),
        "offset": integer(0, 0, 1000, "Added to every visited timestep; for leading spacing only."),
    }


def chain_settings(widgets: dict[str, Any]) -> dict[str, Any]:
    """The values of `chain_inputs` as the schedulers take them."""
    return {
        "noise": NoiseSchedule(
            widgets["beta_schedule"], widgets["train_timesteps"], widgets["beta_start"], widgets["beta_end"]
        ),
        "spacing": widgets["spacing"],
        "offset": widgets["offset"],
        "limit": Limit(widgets["limit"], widgets["limit_bound"], widgets["limit_ratio"]),
    }


@node("DDPM Scheduler", "Schedulers", ("diffusion", "ancestral sampling", "noise schedule", "beta schedule"))
class DDPMScheduler(SchedulerNode):
    """Ancestral sampling with every setting of the paper."""

    DESCRIPTION = (
        "Denoising diffusion (arXiv 2006.11239): each step draws the less noisy picture from the distribution that the "
        "clean estimate implies, and so adds fresh noise, except in the last one."
    )
    Y_LABEL = "amplitude"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:  # noqa: N802
        """Inputs in the order of saved workflows: append only."""
        variance = choice(
            ("fixed_small", "fixed_large"), "Noise added by a step: the posterior's own variance, or the larger β."
        )
        return {"required": {"steps": integer(50, 1, 1000, STEPS), "variance": variance, **chain_inputs()}}

    def build(self, steps: int, variance: Any, **widgets: Any) -> dict[str, Any]:
        """The scheduler and its chart."""
        scheduler = processes.DDPMScheduler(steps=steps, variance=variance, **chain_settings(widgets))
        return self.answer("DDPM", scheduler, f"{widgets['beta_schedule']} betas, {widgets['spacing']} spacing")


@node("DDIM Scheduler", "Schedulers", ("diffusion", "deterministic sampling", "eta", "noise schedule"))
class DDIMScheduler(SchedulerNode):
    """From deterministic to as noisy as DDPM."""

    DESCRIPTION = (
        "Denoising diffusion implicit models (arXiv 2010.02502): with eta 0 nothing is drawn, so the same start always "
        "gives the same picture, and a few steps are enough."
    )
    Y_LABEL = "amplitude"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:  # noqa: N802
        """Inputs in the order of saved workflows: append only."""
        from_limited = switch(False, "Derive the direction of the step from the clean estimate after limiting.")
        at_clean = switch(True, "End at no noise at all; off = at the noise of the first timestep.")
        return {
            "required": {
                "steps": integer(25, 1, 1000, STEPS),
                "eta": real(0.0, 0.0, 1.0, 0.01, "Share of DDPM's noise that each step adds."),
                **chain_inputs(),
                "direction_from_limited": from_limited,
                "end_at_clean": at_clean,
            }
        }

    def build(
        self, steps: int, eta: float, direction_from_limited: bool, end_at_clean: bool, **widgets: Any
    ) -> dict[str, Any]:
        """The scheduler and its chart."""
        scheduler = processes.DDIMScheduler(
            steps=steps,
            eta=eta,
            direction_from_limited=direction_from_limited,
            end_at_clean=end_at_clean,
            **chain_settings(widgets),
        )
        about = f"{widgets['beta_schedule']} betas, {widgets['spacing']} spacing, eta {eta:g}"
        return self.answer("DDIM", scheduler, about)
