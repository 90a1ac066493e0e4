"""The median plane of the interpolation U-Net."""

import pytest
import torch
import torch.nn.functional as F
from realdenoise.models.networks.interpolation_unet import InterpolationUNet
from realdenoise.models.networks.median import median3
from realdenoise.models.registry import Weights, find


@pytest.mark.parametrize("size", [(1, 1), (1, 7), (2, 2), (9, 12)])
def test_median_equals_sorting(size):
    x = torch.rand(2, 3, *size, generator=torch.Generator().manual_seed(1))
    windows = F.unfold(F.pad(x, (1, 1, 1, 1), mode="replicate"), 3).view(2, 3, 9, *size)
    assert torch.equal(median3(x), windows.median(dim=2).values)


def test_network_with_median_is_recognised_and_starts_from_one_without():
    plain, wide = InterpolationUNet(8, (1, 1)), InterpolationUNet(8, (1, 1), median=True)
    state = plain.state_dict()
    state["stem.weight"] = torch.cat([state["stem.weight"], torch.zeros_like(state["stem.weight"])], dim=1)
    wide.load_state_dict(state)
    x, alpha = torch.rand(1, 3, 10, 13), torch.tensor([1.0])
    torch.testing.assert_close(wide(x, alpha), plain(x, alpha))
    for network, median in ((plain, False), (wide, True)):
        weights = Weights(network.state_dict())
        family = find(weights)
        assert family.name == "InterpolationUNet"
        assert family.build(weights).median is median
        assert family.spec(weights).channels == 3
