"""Real-World Interpolation Sampler: the whole loop of arXiv 2305.04457 in one node."""

from __future__ import annotations

import time

import torch

from .. import host
from ..api import denoise
from ..imaging.layout import check_image
from .common import answer, facts, noise_level, sigma_input
from .registry import node

EVERY_STEP, FIRST_AND_LAST = "every step", "first and last"


@node(
    "Real-World Interpolation Sampler",
    category="Denoise",
    aliases=("interpolation diffusion", "improved sampling", "origin sampling", "sampler"),
)
class RealWorldInterpolationSampler:
    """Several calls of the denoiser, on the way from the noisy to the clean picture."""

    DESCRIPTION = (
        "Walks from the noisy to the clean picture in several steps: x_t = (1 − α)·clean + α·noisy, with a new clean "
        "estimate at each α (arXiv 2305.04457). One step is the same as Denoise Image."
    )
    RETURN_TYPES = ("IMAGE", "IMAGE", "STRING")
    RETURN_NAMES = ("image", "trajectory", "report")
    OUTPUT_TOOLTIPS = (
        "The clean picture, with the size and type of the input.",
        "The way as a batch, without alpha: the input, then the picture after each step; one picture after the other.",
        "What was done: steps, method, tiles, precision, device, seconds.",
    )
    FUNCTION = "sample"

    @classmethod
    def INPUT_TYPES(cls):  # noqa: N802
        """Inputs in the order of saved workflows: append only."""
        return {
            "required": {
                "denoiser": (
                    "DENOISER",
                    {"tooltip": "Best one trained for interpolation (interpolation_unet); any other works, too."},
                ),
                "image": ("IMAGE", {"tooltip": "The noisy picture or batch: x at the start of the way."}),
                "steps": (
                    "INT",
                    {
                        "default": 5,
                        "min": 1,
                        "max": 1000,
                        "tooltip": "Calls of the denoiser. One step has the highest PSNR; more steps show the way.",
                    },
                ),
                "method": (
                    ["improved", "origin"],
                    {
                        "default": "improved",
                        "tooltip": "improved: errors of the estimates average out. origin: interpolates anew towards "
                        "each estimate, so that only the last one counts.",
                    },
                ),
                "start_alpha": (
                    "FLOAT",
                    {
                        "default": 1.0,
                        "min": 0.01,
                        "max": 1.0,
                        "step": 0.01,
                        "tooltip": "Where on the path the input sits: 1 = fully noisy. Below 1 the denoiser is told "
                        "that less noise is present, and keeps more.",
                    },
                ),
                "sigma": sigma_input(),
                "trajectory": (
                    [FIRST_AND_LAST, EVERY_STEP],
                    {
                        "default": FIRST_AND_LAST,
                        "tooltip": "What the trajectory output holds. Every step of a large picture takes memory.",
                    },
                ),
            }
        }

    def sample(self, denoiser, image, steps, method, start_alpha, sigma, trajectory):
        """The states are collected per frame, because frames are sampled one after the other."""
        started = time.perf_counter()
        check_image(image)
        level, words = noise_level(denoiser, image, sigma)
        monitor = host.monitor()
        ways: list[list[torch.Tensor]] = [[frame[None, ..., :3]] for frame in image]

        def keep(frame: int, x: torch.Tensor) -> None:
            if trajectory == EVERY_STEP:
                ways[frame].append(x.permute(0, 2, 3, 1).to(image.device, image.dtype))

        clean = denoise(
            image,
            denoiser,
            sigma=level,
            steps=steps,
            method=method,
            start_alpha=start_alpha,
            monitor=monitor,
            on_step=keep,
        )
        for way, frame in zip(ways, clean, strict=True):
            way[max(1, len(way) - 1) :] = [frame[None, ..., :3]]  # the last state is the result
        pictures = torch.cat([picture for way in ways for picture in way]).clamp(0, 1)
        report = f"{denoiser.spec.name} · {words}\n{method}, {steps} step{'s' * (steps > 1)} from α = {start_alpha:g}"
        report += f"\n{facts(monitor.notes, image)} · {time.perf_counter() - started:.2f} s"
        return answer(report, clean, pictures, report)
