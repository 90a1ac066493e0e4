"""Memory counted on shapes: numbers that follow from the networks' own widths."""

import pytest
import torch
from realdenoise.models.activation_memory import activation_memory
from realdenoise.models.networks.dncnn import DnCNN
from realdenoise.models.networks.fdncnn import FDnCNN
from torch import nn


@pytest.mark.parametrize("width", [8, 64])
@pytest.mark.parametrize("depth", [3, 20])
def test_a_chain_holds_the_input_and_the_output_of_one_layer(width, depth):
    assert activation_memory(DnCNN(depth=depth, width=width), 3) == (2 * 4 * width, 4 * width)


def test_a_network_that_is_told_sigma_gets_it():
    network = FDnCNN(depth=3, width=8)
    assert activation_memory(network, 3, 1) == (2 * 4 * 8 + 4 * 4, 4 * 8)  # picture and level side by side, too


class Skips(nn.Module):
    """Keeps three maps of 4 planes until the end, views one of them, and adds to another in place."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second, self.third = (nn.Conv2d(planes, 4, 1) for planes in (3, 4, 4))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        one = self.first(x)
        two = self.second(one)
        two.add_(one)
        flat = one.flatten(2).transpose(1, 2)
        return self.third(two) + flat.transpose(1, 2).view_as(two)


def test_views_and_additions_in_place_take_no_room():
    assert activation_memory(Skips(), 3) == (4 * 4 * 4, 4 * 4)  # one, two, the third answer and the sum


def test_nothing_is_computed_and_the_network_stays_as_it_is():
    network = DnCNN(depth=3, width=8)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    with torch.inference_mode():  # as ComfyUI calls
        assert activation_memory(network, 3) == (64, 32)
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
    assert {value.device.type for value in network.parameters()} == {"cpu"}


def test_a_network_that_looks_at_values_cannot_be_followed():
    class Looks(nn.Module):
        def forward(self, x):
            return x * float(x.mean())

    assert activation_memory(Looks(), 3) is None
