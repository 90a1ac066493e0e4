"""What `import realdenoise` offers: load, denoise, add noise, measure. Pictures are [B,H,W,C] floats in [0,1]."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from .imaging.layout import split
from .imaging.level import DenoiseError, Level, Sigma, as_sigma
from .imaging.metrics import psnr, ssim
from .imaging.noise import add_noise
from .models.contract import Denoiser
from .models.loader import load_denoiser
from .monitor import Monitor
from .schedulers.interpolation import InterpolationScheduler
from .schedulers.loop import run_loop

__all__ = ["add_noise", "denoise", "load_denoiser", "psnr", "ssim"]


def denoise(
    image: Tensor,
    denoiser: Denoiser,
    *,
    sigma: Sigma = None,
    steps: int = 1,
    method: str = "improved",
    start_alpha: float = 1.0,
    strength: float = 1.0,
    progress: Callable[[float, Tensor | None], None] | None = None,
    monitor: Monitor | None = None,
    on_step: Callable[[int, Tensor], None] | None = None,
) -> Tensor:
    """Denoise pictures by interpolation sampling (arXiv 2305.04457); one step is a plain call of the denoiser.

    Args:
        image: [B,H,W,C] in [0,1], C = 1, 3 or 4; any float type and device. Alpha passes through untouched.
        denoiser: from `load_denoiser`.
        sigma: noise level on the [0,1] scale (a number, [B], or a map [B,1,H,W]); None = unknown.
        steps, method, start_alpha: see `InterpolationScheduler`.
        strength: 1 = the denoised picture, 0 = the input, between = a blend.
        progress: called with (fraction done, preview or None). monitor: the same and cancellation, for hosts.
        on_step: called with (frame, the state's picture [1,C,H,W]) after each step.

    Returns:
        Same shape, dtype and device; kept in [0,1] if the input is.

    Raises:
        TypeError, ValueError: an unusable image, denoiser or setting; a sigma above every value of the picture, as one
            on the 0–255 scale is; progress beside monitor.
    """
    if not isinstance(denoiser, Denoiser):
        raise TypeError(f"denoiser must come from load_denoiser, got {type(denoiser).__name__}.")
    if not 0 <= strength <= 1:
        raise ValueError(f"strength must be between 0 and 1, got {strength}.")
    if progress is not None and monitor is not None:
        raise TypeError("progress and monitor were both given; a monitor has its own on_progress.")
    monitor = monitor or Monitor(on_progress=progress)
    scheduler = InterpolationScheduler(steps, method, start_alpha)  # type: ignore[arg-type]
    planes, layout = split(image)
    level = Level(None if sigma is None else _possible(as_sigma(sigma, planes), planes))
    clean = torch.empty_like(planes) if len(planes) > 1 else planes
    for frame in range(len(planes)):
        noisy = planes[frame : frame + 1]
        start = scheduler.start(noisy, sigma=level.frames(frame, frame + 1).sigma, first_frame=frame)
        watch = None if on_step is None else (lambda state, frame=frame: on_step(frame, state.x))
        result = run_loop(start, denoiser, monitor.part(frame, len(planes)), watch).x
        if len(planes) > 1:
            clean[frame] = result[0]
        else:  # a single picture may be large: no second copy, but never the caller's own
            shared = any(_shares_memory(result, other) for other in (image, planes))
            clean = result.clone() if shared else result
    if strength < 1:
        clean.sub_(planes).mul_(strength).add_(planes)
    return layout.restore_like(clean, image)


def _possible(sigma: Tensor, planes: Tensor) -> Tensor:
    """sigma itself, unless it is above 1 and above all values of the picture, which noise of that deviation exceeds."""
    if (highest := float(sigma.max())) > 1 and highest > float(planes.abs().max()):
        raise DenoiseError(
            f"sigma is {highest:g}, more than any value of the picture; give it on the [0,1] scale, "
            f"that is {highest:g}/255 if it is meant on the 0–255 scale."
        )
    return sigma


def _shares_memory(one: Tensor, other: Tensor) -> bool:
    return one.untyped_storage().data_ptr() == other.untyped_storage().data_ptr()
