"""Tiles cover the picture once, sit on the network's grid, and leave no seam."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from realdenoise.imaging.tiling import plan, split_tile

sizes = st.integers(1, 200)


@given(sizes, sizes, st.integers(1, 96), st.integers(0, 40), st.sampled_from([1, 2, 8]))
def test_tiles_cover_every_pixel_once_and_start_on_the_grid(height, width, tile, halo, multiple):
    seen = torch.zeros(height, width, dtype=torch.int)
    for piece in plan(height, width, tile, halo, multiple):
        seen[piece.rows.kept, piece.columns.kept] += 1
        assert piece.rows.outer_start % multiple == 0 and piece.columns.outer_start % multiple == 0
        assert piece.rows.outer_start == max(0, piece.rows.start - -(-halo // multiple) * multiple)
    assert seen.min() == seen.max() == 1


@given(sizes, sizes, st.integers(0, 40), st.sampled_from([1, 2, 8]))
def test_split_covers_the_same_part(height, width, halo, multiple):
    (whole,) = plan(height, width, 200, halo, multiple)
    seen = torch.zeros(height, width, dtype=torch.int)
    for piece in split_tile(whole, halo, multiple, height, width):
        seen[piece.rows.kept, piece.columns.kept] += 1
        assert piece.rows.start % multiple == 0 and piece.columns.start % multiple == 0
    assert seen.min() == seen.max() == 1


@given(sizes, sizes, st.integers(1, 64), st.integers(0, 30))
def test_identity_through_tiles_returns_the_picture(height, width, tile, halo):
    picture = torch.rand(height, width)
    result = torch.full_like(picture, torch.nan)
    for piece in plan(height, width, tile, halo):
        window = picture[piece.rows.outer, piece.columns.outer]
        result[piece.rows.kept, piece.columns.kept] = window[piece.rows.inner, piece.columns.inner]
    assert torch.equal(result, picture)


@pytest.mark.parametrize("arguments", [(0, 5, 8, 0), (5, 5, 0, 0), (5, 5, 8, -1)])
def test_impossible_sizes_are_refused(arguments):
    with pytest.raises(ValueError, match="cannot tile"):
        plan(*arguments)
