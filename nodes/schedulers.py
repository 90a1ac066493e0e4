"""Interpolation, Langevin, EDM and Heat Scheduler."""

from __future__ import annotations

from typing import Any

from .. import host
from .. import schedulers as processes
from ..imaging.level import DenoiseError
from ..schedulers.heat import BORDERS
from .common import SIGMA_SCALE
from .registry import node
from .scheduler_base import SchedulerNode
from .widgets import Widget, choice, integer, real

SIGMA_LABEL = "sigma (0–255 scale)"


def _noise_levels(largest: float, smallest: float) -> dict[str, Widget]:
    where = "standard deviation on the 0–255 scale"
    return {
        "sigma_max": real(
            largest, 0.01, 100000.0, 0.01, f"First noise level, {where}. A noisy picture starts at its own instead."
        ),
        "sigma_min": real(smallest, 0.001, 10000.0, 0.001, f"Last noise level above zero, {where}."),
    }


def _in_units(sigma_max: float, sigma_min: float) -> tuple[float, float]:
    """Both on the [0,1] scale. Raises DenoiseError when they are the wrong way round, in the node's own numbers."""
    if sigma_min > sigma_max:
        raise DenoiseError(f"sigma_min is {sigma_min:g} and above sigma_max, {sigma_max:g}; exchange them.")
    return sigma_max / SIGMA_SCALE, sigma_min / SIGMA_SCALE


@node("Interpolation Scheduler", "Schedulers", ("interpolation diffusion", "origin sampling", "improved sampling"))
class InterpolationScheduler(SchedulerNode):
    """Between the clean and the really noisy picture."""

    DESCRIPTION = (
        "Interpolation diffusion (arXiv 2305.04457): x_t = (1 − α)·clean + α·noisy, walked from the noisy picture. "
        "Draws nothing and needs no noise level; it cannot generate."
    )
    Y_LABEL = "share of the noisy picture"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:  # noqa: N802
        """Inputs in the order of saved workflows: append only."""
        return {
            "required": {
                "steps": integer(5, 1, 1000, "Visits of the denoiser."),
                "method": choice(
                    ("improved", "origin"),
                    "improved: errors of the estimates average out. origin: only the last estimate counts.",
                ),
                "start_alpha": real(1.0, 0.01, 1.0, 0.01, "Where on the path the input sits: 1 = fully noisy."),
            }
        }

    def build(self, steps: int, method: Any, start_alpha: float) -> dict[str, Any]:
        """The scheduler and its chart."""
        return self.answer(
            "Interpolation", processes.InterpolationScheduler(steps, method, start_alpha), f"{method} sampling"
        )


@node(
    "Langevin Scheduler",
    "Schedulers",
    ("score-based diffusion", "score matching", "annealed Langevin dynamics", "NCSN"),
)
class LangevinScheduler(SchedulerNode):
    """Uphill along the score, with noise."""

    DESCRIPTION = (
        "Annealed Langevin dynamics (arXiv 1907.05600): at each of several falling noise levels, small steps along the "
        "score (clean − noisy)/sigma², each with fresh noise; a last denoising ends it."
    )
    Y_LABEL, LOGARITHMIC = SIGMA_LABEL, True

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:  # noqa: N802
        """Inputs in the order of saved workflows: append only."""
        return {
            "required": {
                "levels": integer(10, 1, 1000, "Number of noise levels, a geometric sequence."),
                "steps_per_level": integer(5, 1, 1000, "Steps at each level."),
                "step_size": real(
                    0.2, 0.001, 2.0, 0.001, "Size of a step in units of the level's sigma²; 0.2 in the paper."
                ),
                **_noise_levels(255.0, 2.55),
            }
        }

    def build(
        self, levels: int, steps_per_level: int, step_size: float, sigma_max: float, sigma_min: float
    ) -> dict[str, Any]:
        """The scheduler and its chart."""
        scheduler = processes.LangevinScheduler(levels, steps_per_level, step_size, *_in_units(sigma_max, sigma_min))
        return self.answer("Annealed Langevin", scheduler, f"{levels} levels of {steps_per_level} steps and a last one")


@node("EDM Scheduler", "Schedulers", ("diffusion", "Karras", "Heun", "Euler", "sigmas"))
class EDMScheduler(SchedulerNode):
    """Karras' grid of noise levels."""

    DESCRIPTION = (
        "EDM (arXiv 2206.00364): follows dx/dσ = (x − clean)/σ down a grid of noise levels. Heun looks at the picture "
        "twice per level, which pays when few levels are used. Draws nothing on the way."
    )
    Y_LABEL, LOGARITHMIC = SIGMA_LABEL, True

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:  # noqa: N802
        """Inputs in the order of saved workflows: append only."""
        return {
            "required": {
                "levels": integer(18, 1, 1000, "Number of noise levels."),
                "solver": choice(("heun", "euler"), "euler: one visit per level. heun: two, except at the last one."),
                "rho": real(7.0, 1.0, 100.0, 0.1, "How much the levels crowd towards small noise; 1 = evenly spaced."),
                **_noise_levels(10200.0, 0.255),
            }
        }

    def build(self, levels: int, solver: Any, rho: float, sigma_max: float, sigma_min: float) -> dict[str, Any]:
        """The scheduler and its chart."""
        scheduler = processes.EDMScheduler(levels, solver, rho, *_in_units(sigma_max, sigma_min))
        return self.answer("EDM", scheduler, f"{levels} levels, rho {rho:g}, {solver}")


@node("Heat Scheduler", "Schedulers", ("heat diffusion", "Laplacian", "Cold Diffusion", "anisotropic"))
class HeatScheduler(SchedulerNode):
    """Smoothing as the forward process."""

    DESCRIPTION = (
        "Heat diffusion: the picture is smoothed by u ← u + Δt·κ·Δu, then sharpened again step by step with the clean "
        "estimate (Cold Diffusion, arXiv 2208.09392). Shows the physics; no promise of PSNR."
    )
    Y_LABEL = "blur (pixels)"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:  # noqa: N802
        """Inputs in the order of saved workflows: append only."""
        return {
            "required": {
                "steps": integer(5, 1, 1000, "Visits of the denoiser on the way back."),
                "iterations": integer(100, 1, 10000, "Steps of the heat equation on the way there."),
                "time_step": real(0.1, 0.001, 10.0, 0.001, "Δt; Δt·κ must not exceed 0.25, or the scheme breaks."),
                "conductivity": real(0.1, 0.001, 10.0, 0.001, "κ; Δt·κ must not exceed 0.25, or the scheme breaks."),
                "border": choice(BORDERS, "edge: no flux, the mean is kept. reflect: as np.pad(mode='reflect')."),
            }
        }

    def build(self, steps: int, iterations: int, time_step: float, conductivity: float, border: Any) -> dict[str, Any]:
        """The scheduler and its chart."""
        cancel = host.monitor().check_cancel
        scheduler = processes.HeatScheduler(steps, iterations, time_step, conductivity, border, cancel)
        return self.answer(
            "Heat diffusion", scheduler, f"{iterations} iterations of Δt·κ = {time_step * conductivity:g}"
        )
