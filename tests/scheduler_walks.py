"""Pictures, a quick denoiser and the whole way of a scheduler: shared by the tests of schedulers."""

import torch


def picture(seed=0, frames=2, size=(9, 7)):
    return torch.rand(frames, 3, *size, generator=torch.Generator().manual_seed(seed))


def contraction(image, level=None, monitor=None):
    """A stand-in denoiser whose result for a pixel does not depend on where it lies in memory, as sigmoid's does."""
    return 0.5 + 0.4 * (image - 0.3) / (1 + image.abs())


def walk(state, denoiser=contraction):
    """All states from `state` to the end."""
    states = [state]
    while not states[-1].done:
        image, level = states[-1].scheduler.view(states[-1])
        states.append(states[-1].scheduler.step(states[-1], denoiser(image, level)))
    return states
