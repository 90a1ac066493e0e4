"""How large a tile is chosen: halos against memory that the kernel has to hand out anew."""

import pytest
import torch
from realdenoise.models.contract import Spec
from realdenoise.models.tile_side import MAPPED_BYTES, best_side

CPU, PLENTY = torch.device("cpu"), 64 << 30
SPEC = Spec("probe", "Probe", activation_bytes=512, map_bytes=256)


def maps(side: int, halo: int, dtype: torch.dtype) -> float:
    """Bytes of the largest feature map of a window."""
    return (side + 2 * halo) ** 2 * SPEC.map_bytes * (1.0 if dtype == torch.float32 else 0.5)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_network_of_short_reach_gets_tiles_whose_maps_are_never_mapped_anew(dtype):
    side = best_side(SPEC, 16, CPU, dtype, PLENTY)
    assert 0.8 * MAPPED_BYTES < maps(side, 16, dtype) <= MAPPED_BYTES


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_wide_halo_is_paid_less_often_by_large_tiles(dtype):
    assert maps(best_side(SPEC, 128, CPU, dtype, PLENTY), 128, dtype) > 4 * MAPPED_BYTES


def test_little_memory_gives_small_tiles():
    side = best_side(SPEC, 16, CPU, torch.float32, free=2 * 512 * 200**2)
    assert side + 2 * 16 <= 200
