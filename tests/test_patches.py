"""What noise estimation looks at: patches, their directions, and areas that hold no noise."""

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from realdenoise.imaging.estimation_pca import redundant
from realdenoise.imaging.patches import ROWS, areas_of_one_value, cosine_basis, cut


def test_redundant_directions():
    assert redundant(torch.tensor([1.0, 1.01, 0.99 + 0.03, 1.03, 50.0, 90.0]).double()) == 4
    assert redundant(torch.ones(9).double()) == 9
    assert redundant(torch.zeros(9).double()) == 9


def test_patches():
    assert torch.allclose(cosine_basis(5) @ cosine_basis(5).T, torch.eye(25), atol=1e-6)
    frame = torch.randn(3, 200, 190, generator=torch.Generator().manual_seed(0))
    patches = cut(frame, 5, 2000)
    assert len(patches.values) == patches.grid[0] * patches.grid[1] <= 2000
    assert all(step % 2 for step in patches.steps)
    assert torch.equal(patches.values[patches.grid[1], 1, :5], frame[1, patches.steps[0], :5])
    assert patches.detail.std().item() == pytest.approx(1, rel=0.02)


@settings(max_examples=30)
@given(
    height=st.sampled_from([1, 2, 3, ROWS - 1, ROWS, ROWS + 1, 2 * ROWS + 1]),
    width=st.integers(1, 20),
    seed=st.integers(0, 99),
)
def test_areas_of_one_value_are_what_pooling_finds(height, width, seed):
    random = torch.Generator().manual_seed(seed)
    frame = torch.randint(0, 12, (3, height, width), generator=random).clamp_min(9) / 255
    even = F.max_pool2d(frame[None], 3, 1, 1) + F.max_pool2d(-frame[None], 3, 1, 1) == 0
    assert torch.equal(areas_of_one_value(frame), F.max_pool2d(even.float(), 3, 1, 1)[0] > 0)
