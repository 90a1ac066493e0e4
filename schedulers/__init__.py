"""Forward and reverse processes, one paper per file: pure functions on one immutable state, in plain torch."""

from .ddim import DDIMScheduler
from .ddpm import DDPMScheduler
from .edm import EDMScheduler
from .heat import HeatScheduler
from .interpolation import InterpolationScheduler
from .langevin import LangevinScheduler

SCHEDULERS = {
    "ddpm": DDPMScheduler,
    "ddim": DDIMScheduler,
    "interpolation": InterpolationScheduler,
    "langevin": LangevinScheduler,
    "edm": EDMScheduler,
    "heat": HeatScheduler,
}
"""Every reverse process by its short name; all settings have defaults."""

__all__ = [
    "SCHEDULERS",
    "DDIMScheduler",
    "DDPMScheduler",
    "EDMScheduler",
    "HeatScheduler",
    "InterpolationScheduler",
    "LangevinScheduler",
]
