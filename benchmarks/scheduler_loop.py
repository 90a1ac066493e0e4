"""A whole loop of 50 steps with every scheduler: time, peak memory, and diffusers' loop beside it where it has one.

`python benchmarks/scheduler_loop.py [--side 512] [--steps 50]`. The denoiser costs next to nothing (half the picture),
so that the schedulers' own work is seen; a ratio below 1 means that ours is faster. Needs diffusers.
"""

import argparse

import _checkout  # noqa: F401
import diffusers
import torch
from metrics import race
from realdenoise.measurement.memory import PeakMemory
from realdenoise.schedulers import (
    DDIMScheduler,
    DDPMScheduler,
    EDMScheduler,
    HeatScheduler,
    InterpolationScheduler,
    LangevinScheduler,
)
from realdenoise.schedulers.loop import run_loop

SIGMA = 0.1


def half(image, level=None, monitor=None):
    """The denoiser of both sides."""
    return image * 0.5


def ours(scheduler, picture):
    start = scheduler.start(picture, sigma=SIGMA)
    return run_loop(start, half).x


def theirs(scheduler, steps, picture):
    """The loop of diffusers' documentation, for a network that says the noise; its state is made anew every time."""
    scheduler.set_timesteps(steps)
    x = picture * scheduler.init_noise_sigma
    for time in scheduler.timesteps:
        x = scheduler.step(half(scheduler.scale_model_input(x, time)), time, x).prev_sample
    return x


def cases(steps):
    """(name, our scheduler, diffusers' or None), each taking that many steps from the end of its chain."""
    spaced = {"timestep_spacing": "trailing"}
    yield "DDPM", DDPMScheduler(steps), diffusers.DDPMScheduler(**spaced)
    yield "DDIM", DDIMScheduler(steps), diffusers.DDIMScheduler(**spaced)
    yield "EDM, Euler", EDMScheduler(steps, "euler"), diffusers.EDMEulerScheduler()
    yield "EDM, Heun", EDMScheduler((steps + 1) // 2), diffusers.HeunDiscreteScheduler()
    yield "Langevin", LangevinScheduler(levels=max(1, steps // 5), steps_per_level=5), None
    yield "Interpolation", InterpolationScheduler(steps), None
    yield "Heat", HeatScheduler(steps, iterations=2 * steps), None


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--side", type=int, default=512, help="pixels per side of one RGB picture")
    parser.add_argument("--steps", type=int, default=50)
    parser.add_argument("--repeats", type=int, default=3)
    arguments = parser.parse_args()
    picture = torch.rand(1, 3, arguments.side, arguments.side, generator=torch.Generator().manual_seed(0))
    size = picture.nbytes / 2**20
    print(f"{arguments.steps} steps, RGB {arguments.side}x{arguments.side} ({size:.0f} MiB), float32")
    for name, mine, peer in cases(arguments.steps):
        state = mine.start(picture, sigma=SIGMA)
        runners = [lambda mine=mine: ours(mine, picture)]
        if peer is not None:
            runners.append(lambda peer=peer, count=state.steps: theirs(peer, count, picture))
        times = [time for time, _ in race(arguments.repeats, *runners)]
        peaks = []
        for run in runners:
            with PeakMemory() as peak:
                run()
            peaks.append(peak.bytes / 2**20)
        text = f"  {name:14} {state.steps:3} steps {times[0] * 1e3:8.1f} ms, {peaks[0]:4.0f} MiB more"
        if peer is not None:
            text += f"   diffusers {times[1] * 1e3:8.1f} ms, {peaks[1]:4.0f} MiB   ratio {times[0] / times[1]:.2f}"
        print(text, flush=True)


if __name__ == "__main__":
    main()
