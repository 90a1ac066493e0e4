"""A mask that does not fit its picture is refused with both shapes, by every node that takes one."""

import re

import node_calls
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from realdenoise.imaging.level import DenoiseError
from realdenoise.models.contract import Spec
from realdenoise.nodes import NODE_CLASS_MAPPINGS
from realdenoise.schedulers import DDIMScheduler

PICTURE = torch.rand(2, 12, 10, 3, generator=torch.Generator().manual_seed(0))


class Mapped(node_calls.Darker):
    """Darkens by the noise level it is told."""

    spec = Spec("mapped", "Test", conditioning="sigma_map")

    def __call__(self, image, level, monitor=None):
        return image - level.sigma


def call(name, mask, image=PICTURE):
    given_too = {"DenoiseImage": {"denoiser": Mapped()}, "KnownPixels": {"scheduler": DDIMScheduler(2)}}
    socket = TAKING[name]
    return node_calls.call(f"RealDenoise{name}", image, **given_too.get(name, {}), **{socket: mask})


TAKING = {
    node_id.removeprefix("RealDenoise"): name
    for node_id in sorted(NODE_CLASS_MAPPINGS)
    for name, entry in node_calls.inputs(node_id).items()
    if node_calls.kind(entry) == "MASK"
}
every = pytest.mark.parametrize("name", TAKING)


def test_an_empty_sigma_map_is_no_noise_level():
    """Load Image's mask of a picture without alpha would say that nothing is noisy."""
    with pytest.raises(DenoiseError, match="empty mask"):
        call("DenoiseImage", torch.zeros(1, 64, 64))


def test_these_nodes_take_masks():
    assert TAKING == {"DenoiseControl": "protect", "DenoiseImage": "sigma_map", "KnownPixels": "mask"}


@every
@pytest.mark.parametrize("shape", [(1, 10, 12), (1, 24, 20), (3, 12, 10), (1, 1, 1), (1, 64, 64), (2, 12, 11)])
def test_other_sizes_and_numbers_are_refused_with_both_shapes(name, shape):
    words = rf"{TAKING[name]} is a mask of shape {re.escape(str(shape))}.*\(2, 12, 10\)"
    with pytest.raises(DenoiseError, match=words):
        call(name, torch.ones(shape))


@every
def test_one_picture_takes_one_mask(name):
    with pytest.raises(DenoiseError, match=r"\(2, 12, 10\).*\(1, 12, 10\)"):
        call(name, torch.ones(2, 12, 10), PICTURE[:1])


@every
def test_nan_is_refused(name):
    with pytest.raises(DenoiseError, match="NaN"):
        call(name, torch.full((1, 12, 10), float("nan")))


@pytest.mark.parametrize("name", [name for name, socket in TAKING.items() if socket != "sigma_map"])
def test_the_empty_mask_of_a_picture_without_alpha_marks_nothing(name):
    """Load Image makes it 64 pixels wide and high, whatever the picture."""
    placeholder, empty = (call(name, mask) for mask in (torch.zeros(1, 64, 64), torch.zeros(1, 12, 10)))
    pictures = [next(v for v in answer if isinstance(v, torch.Tensor)) for answer in (placeholder, empty)]
    assert torch.equal(*pictures)


@every
@given(frames=st.sampled_from([1, 2]), seed=st.integers(0, 9))
def test_one_mask_for_all_is_that_mask_for_each(name, frames, seed):
    mask = torch.rand(1, 12, 10, generator=torch.Generator().manual_seed(seed))
    one, each = (call(name, m, PICTURE[:frames]) for m in (mask, mask.expand(frames, -1, -1)))
    pictures = [next(v for v in answer if isinstance(v, torch.Tensor)) for answer in (one, each)]
    assert torch.equal(*pictures) and pictures[0].shape[0] == frames
