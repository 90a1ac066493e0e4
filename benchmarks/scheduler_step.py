"""A scheduler's own arithmetic against diffusers' `step()`: `python benchmarks/scheduler_step.py [--side 512]`.

Needs diffusers. Both sides turn a sample and a prediction of their own kind into the next sample; a ratio below 1 means
that ours is faster. "noise given" is the arithmetic alone; "noise drawn" adds each generator: ours gives the same
numbers on every machine, for every batch and device, and takes longer than torch's. Heun's step is both of its looks.
"""

import argparse
from dataclasses import replace
from itertools import chain

import _checkout  # noqa: F401
import diffusers
import torch
from diffusers.schedulers import scheduling_ddpm
from metrics import race
from realdenoise.models.prediction import estimated_original
from realdenoise.schedulers import DDIMScheduler, DDPMScheduler, EDMScheduler
from realdenoise.schedulers.limit import Limit

STEPS = 50


class GivenNoise(diffusers.DDPMScheduler):
    """diffusers' DDPM with the noise of a step put in, for which it has no argument."""

    def __init__(self, noise, **settings):
        super().__init__(**settings)
        self._noise = noise

    def step(self, *arguments):
        drawing = scheduling_ddpm.randn_tensor
        scheduling_ddpm.randn_tensor = lambda *_, **__: self._noise
        try:
            return super().step(*arguments)
        finally:
            scheduling_ddpm.randn_tensor = drawing


def chain_cases(shape):
    """(name, our step, diffusers' step) of DDPM and DDIM on the same sample in the middle of the chain."""
    generator = torch.Generator().manual_seed(0)
    epsilon, given = (torch.randn(shape, generator=generator) for _ in range(2))
    schedulers = {
        "DDIM, eta 0": (DDIMScheduler(STEPS), diffusers.DDIMScheduler(timestep_spacing="trailing"), {}),
        "DDIM, eta 0, not clipped": (
            DDIMScheduler(STEPS, limit=Limit("none")),
            diffusers.DDIMScheduler(timestep_spacing="trailing", clip_sample=False),
            {},
        ),
        "DDIM, eta 1, noise given": (
            DDIMScheduler(STEPS, eta=1.0),
            diffusers.DDIMScheduler(timestep_spacing="trailing"),
            {"eta": 1.0, "variance_noise": given},
        ),
        "DDPM, noise given": (DDPMScheduler(STEPS), GivenNoise(given, timestep_spacing="trailing"), {}),
        "DDPM, noise drawn": (DDPMScheduler(STEPS), diffusers.DDPMScheduler(timestep_spacing="trailing"), {}),
    }
    for name, (ours, theirs, extra) in schedulers.items():
        theirs.set_timesteps(STEPS)
        state = ours.start_from_noise(shape, seed=1)
        for _ in range(STEPS // 2):
            state = ours.step(state, torch.zeros(shape), torch.zeros(shape))
        alpha_bar = ours.noise.alpha_bar(int(state.time))
        spread = (1 - alpha_bar) ** 0.5
        clean = (estimated_original("epsilon", epsilon, state.x, alpha_bar**0.5, spread) + 1) / 2
        noise = given if name.endswith("given") else None
        yield (
            name,
            lambda ours=ours, state=state, clean=clean, noise=noise: ours.step(state, clean, noise),
            lambda theirs=theirs, state=state, extra=extra: theirs.step(epsilon, int(state.time), state.x, **extra),
        )


def grid_cases(shape):
    """The same of Euler and Heun on Karras' grid of noise levels; diffusers' are told where in it they are."""
    generator = torch.Generator().manual_seed(0)
    first, second = (torch.rand(shape, generator=generator) for _ in range(2))
    peers = {"euler": diffusers.EulerDiscreteScheduler, "heun": diffusers.HeunDiscreteScheduler}
    for solver, peer in peers.items():
        ours = EDMScheduler(STEPS, solver)
        start = ours.start_from_noise(shape, seed=1)
        state = replace(start, step=start.steps // 2 // 2 * 2)  # Heun's first look
        theirs = peer(prediction_type="sample")
        theirs.set_timesteps(STEPS)
        theirs.is_scale_input_called = True
        theirs.sigmas = torch.tensor(start.times)

        def our_step(ours=ours, state=state, solver=solver):
            after = ours.step(state, first)
            return ours.step(after, second) if solver == "heun" else after

        def their_step(theirs=theirs, state=state, solver=solver):
            theirs._step_index = state.step
            after = theirs.step(first, theirs.timesteps[0], state.x)
            return theirs.step(second, theirs.timesteps[0], after.prev_sample) if solver == "heun" else after

        yield f"EDM, {solver}", our_step, their_step


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--side", type=int, default=512, help="pixels per side of one RGB picture")
    parser.add_argument("--repeats", type=int, default=50)
    arguments = parser.parse_args()
    shape = (1, 3, arguments.side, arguments.side)
    print(f"one step, RGB {arguments.side}x{arguments.side}, float32, {torch.get_num_threads()} thread(s)")
    for name, ours, theirs in chain(chain_cases(shape), grid_cases(shape)):
        (mine, state), (peer, output) = race(arguments.repeats, ours, theirs)
        drawn = name.endswith("drawn")
        same = "" if drawn else f", largest difference {(state.x - output.prev_sample).abs().max():.1e}"
        print(f"  {name:26} {mine * 1e3:7.2f} ms  diffusers {peer * 1e3:7.2f} ms  ratio {mine / peer:.2f}{same}")


if __name__ == "__main__":
    main()
