"""How large tiles are chosen: halos against memory that the kernel has to hand out anew."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from realdenoise.imaging.tiling import plan
from realdenoise.models.contract import Spec
from realdenoise.models.tile_side import CPU_ACTIVATIONS, MAPPED_BYTES, best_sides, pixel_bytes

CPU, PLENTY = torch.device("cpu"), 64 << 30
LARGE = (3000, 4500)
SPEC = Spec("probe", "Probe", activation_bytes=512, map_bytes=256)


def windows(halo, dtype, free, size, device=CPU):
    """Pixels of the windows that the network is shown."""
    sides = best_sides(SPEC, halo, device, dtype, free, *size)
    return [height * width for height, width in (tile.window for tile in plan(*size, sides, halo))]


def largest_map(halo, dtype, size=LARGE):
    share = 1.0 if dtype == torch.float32 else 0.5
    return max(windows(halo, dtype, PLENTY, size)) * SPEC.map_bytes * share


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_network_of_short_reach_gets_tiles_whose_maps_are_never_mapped_anew(dtype):
    assert 0.6 * MAPPED_BYTES < largest_map(16, dtype) <= MAPPED_BYTES


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_wide_halo_is_paid_less_often_by_large_tiles(dtype):
    assert largest_map(128, dtype) > 4 * MAPPED_BYTES


def test_a_picture_that_fits_is_one_tile_where_all_memory_is_equal():
    assert windows(80, torch.float32, PLENTY, (1000, 1500), torch.device("cuda")) == [1000 * 1500]


def test_a_panorama_is_cut_across_alone():
    rows, columns = best_sides(SPEC, 80, CPU, torch.float32, PLENTY, 300, 20000)
    assert rows >= 300 > 0 and columns < 20000


@given(
    size=st.tuples(st.integers(1, 9000), st.integers(1, 9000)),
    halo=st.integers(0, 130),
    free=st.integers(200 << 20, 8 << 30),
)
def test_windows_fit_into_half_of_the_free_memory(size, halo, free):
    most = min(free // 2, CPU_ACTIVATIONS) // pixel_bytes(SPEC, torch.float32)
    assert max(windows(halo, torch.float32, free, size)) <= most


def test_too_little_memory_gives_the_smallest_tiles():
    assert best_sides(SPEC, 16, CPU, torch.float32, 1000, *LARGE) == (64, 64)
