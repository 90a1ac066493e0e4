"""DnCNN: seventeen or twenty plain convolutions that predict the noise (Zhang et al., arXiv 1608.03981)."""

from __future__ import annotations

from torch import Tensor, nn

from ..contract import Spec
from ..registry import Architecture, StateDict, Weights, register


class DnCNN(nn.Module):
    """Conv+ReLU, (depth − 2) × Conv(+BN)+ReLU, Conv; the output is the predicted noise (residual learning, eq. 1).

    Module names follow the published files (`model.0.weight`, …), so that those load as they are. `eps` of the batch
    norm is PyTorch's 1e-5, and 1e-4 in files whose convolutions also carry a bias (the authors' own toolbox).
    """

    def __init__(
        self, channels: int = 3, depth: int = 20, width: int = 64, batch_norm: bool = False, bias: bool = True
    ) -> None:
        super().__init__()
        layers: list[nn.Module] = [nn.Conv2d(channels, width, 3, padding=1, bias=bias), nn.ReLU(inplace=True)]
        for _ in range(depth - 2):
            layers.append(nn.Conv2d(width, width, 3, padding=1, bias=bias))
            if batch_norm:
                layers.append(nn.BatchNorm2d(width, eps=1e-4 if bias else 1e-5))
            layers.append(nn.ReLU(inplace=True))
        self.model = nn.Sequential(*layers, nn.Conv2d(width, channels, 3, padding=1, bias=bias))

    def forward(self, x: Tensor) -> Tensor:
        """x [B,C,H,W] on the [0,1] scale → predicted noise of the same shape."""
        return self.model(x)


def _convolutions(state: StateDict) -> list[str]:
    names = [key for key in state if key.startswith("model.") and key.endswith(".weight") and state[key].ndim == 4]
    return sorted(names, key=lambda key: int(key.split(".")[1]))


def _detect(weights: Weights) -> bool:
    state = weights.state
    names = _convolutions(state)
    if len(names) < 3 or not all(key.startswith("model.") for key in state):
        return False
    first, last = state[names[0]], state[names[-1]]
    return first.shape[1] == last.shape[0] and first.shape[1] in (1, 3)


def _hyper(state: StateDict) -> dict:
    names = _convolutions(state)
    width, channels = state[names[0]].shape[:2]
    return {
        "channels": channels,
        "depth": len(names),
        "width": width,
        "batch_norm": any(key.endswith("running_mean") for key in state),
        "bias": "model.0.bias" in state,
    }


def _spec(weights: Weights) -> Spec:
    hyper = _hyper(weights.state)
    return Spec(
        name="DnCNN",
        architecture="DnCNN",
        prediction="residual",
        conditioning="none",
        channels=hyper["channels"],
        radius=hyper["depth"],
        activation_bytes=2 * 4 * hyper["width"],
    )


register(Architecture(name="DnCNN", detect=_detect, build=lambda weights: DnCNN(**_hyper(weights.state)), spec=_spec))
