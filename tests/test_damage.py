"""Masks of made-up damage."""

import pytest
import torch
from realdenoise.imaging.damage import DAMAGES, damage_mask
from realdenoise.imaging.level import DenoiseError
from realdenoise.nodes import NODE_CLASS_MAPPINGS


@pytest.mark.parametrize("kind", DAMAGES)
@pytest.mark.parametrize("share", [0.0, 0.05, 0.5])
def test_the_share_is_met_and_not_much_exceeded(kind, share):
    mask = damage_mask(120, 80, kind, share, seed=3)
    assert mask.shape == (120, 80) and set(mask.unique().tolist()) <= {0.0, 1.0}
    assert share - 0.02 <= mask.mean() <= share + 0.03


@pytest.mark.parametrize("kind", DAMAGES)
def test_seed_and_frame_decide(kind):
    first, again, other, next_frame = (
        damage_mask(60, 60, kind, 0.1, seed, frame) for seed, frame in ((1, 0), (1, 0), (2, 0), (1, 1))
    )
    assert torch.equal(first, again)
    assert not torch.equal(first, other) and not torch.equal(first, next_frame)


def test_scratches_reach_across_and_a_single_pixel_can_be_damaged():
    scratch = damage_mask(100, 100, "scratches", 0.001, seed=0)
    rows, columns = torch.nonzero(scratch, as_tuple=True)
    assert max(rows.max() - rows.min(), columns.max() - columns.min()) > 50
    assert damage_mask(1, 1, "spots", 0.5).item() == 1


@pytest.mark.parametrize(("kind", "share", "problem"), [("rust", 0.1, "rust"), ("spots", 1.0, "share")])
def test_what_cannot_be_drawn_is_named(kind, share, problem):
    with pytest.raises(DenoiseError, match=problem):
        damage_mask(10, 10, kind, share)


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_the_node_blackens_the_masked_part_and_keeps_alpha(channels):
    image = torch.rand(2, 20, 30, channels) * 0.8 + 0.1
    mask, damaged = NODE_CLASS_MAPPINGS["RealDenoiseDamageMask"]().draw(image, "spots", 20.0, 1)["result"]
    assert mask.shape == (2, 20, 30)
    colour = slice(0, min(channels, 3))
    assert torch.equal(damaged[..., colour] == 0, mask[..., None].expand_as(image[..., colour]) > 0)
    assert torch.equal(damaged[..., 3:], image[..., 3:])
