"""DnCNN: seventeen or twenty plain convolutions that predict the noise (Zhang et al., arXiv 1608.03981)."""

from __future__ import annotations

from torch import Tensor, nn

from ..contract import Spec
from ..registry import Architecture, StateDict, Weights, register
from .convolution_chain import ChainShape, chain_shape, known_chain


class DnCNN(nn.Module):
    """A chain of convolutions whose output is the predicted noise (residual learning, section III)."""

    def __init__(
        self, channels: int = 3, depth: int = 20, width: int = 64, batch_norm: bool = False, bias: bool = True
    ) -> None:
        super().__init__()
        self.model = ChainShape(channels, channels, depth, width, batch_norm, bias).build()

    def forward(self, x: Tensor) -> Tensor:
        """x [B,C,H,W] on the [0,1] scale → predicted noise of the same shape."""
        return self.model(x)


def _prepare(state: StateDict) -> StateDict:
    """A much used retraining calls the chain `dncnn`."""
    return {"model." + key.removeprefix("dncnn.") if key.startswith("dncnn.") else key: state[key] for key in state}


def _prepared(weights: Weights) -> Weights:
    return Weights(_prepare(weights.state), weights.metadata)


def _detect(weights: Weights) -> bool:
    shape = chain_shape(_prepared(weights))
    return shape is not None and shape.planes_in == shape.planes_out and shape.planes_in in (1, 3)


def _build(weights: Weights) -> DnCNN:
    shape = known_chain(weights)
    return DnCNN(shape.planes_in, shape.depth, shape.width, shape.batch_norm, shape.bias)


def _spec(weights: Weights) -> Spec:
    shape = known_chain(weights)
    return Spec(
        name="DnCNN",
        architecture="DnCNN",
        prediction="residual",
        conditioning="none",
        channels=shape.planes_in,
        radius=shape.depth,
        activation_bytes=3 * 4 * shape.width,
        map_bytes=4 * shape.width,
    )


register(Architecture(name="DnCNN", detect=_detect, build=_build, spec=_spec, prepare=_prepare, create=DnCNN))
