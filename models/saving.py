"""What goes into a weight file, and whether it would come out again."""

from __future__ import annotations

from torch import Tensor, nn

from ..imaging.level import DenoiseError
from .contract import Spec
from .quantise import is_quantised, pack, unpack
from .registry import Weights
from .spandrel_bridge import ForeignNetwork, file_names, load_foreign


def file_tensors(network: nn.Module) -> dict[str, Tensor]:
    """A network's tensors under the names of its files; those of a quantised one stay small."""
    return pack(network) if is_quantised(network) else file_names(network, network.state_dict())


def check_savable(network: nn.Module, spec: Spec) -> None:
    """To be asked before any work is done for a file.

    Our own networks are rebuilt from their files by tests; of the others some are changed while spandrel builds them,
    so that their tensors are no longer those of a file it knows.

    Raises:
        DenoiseError: neither we nor spandrel could load a file of this network.
    """
    if not isinstance(network, ForeignNetwork):
        return
    state = unpack(file_tensors(network))
    refusal = (
        f"'{spec.name}' ({spec.architecture}) cannot be saved, trained or quantised, because no such file could be "
        "loaded again; use its original file as it is."
    )
    try:
        again, _ = load_foreign(Weights(state), spec.name)
    except DenoiseError as error:
        raise DenoiseError(refusal) from error
    if _shapes(file_tensors(again)) != _shapes(state):
        raise DenoiseError(refusal)


def _shapes(state: dict[str, Tensor]) -> dict[str, tuple[int, ...]]:
    return {key: tuple(value.shape) for key, value in state.items()}
