"""Every node with arguments that nobody thought of: an answer of the declared form, or one sentence that helps."""

import re
import warnings

import node_fuzz
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from loop_graphs import Executor, api
from realdenoise import host
from realdenoise.imaging.files import save_picture
from realdenoise.nodes import NODE_CLASS_MAPPINGS

NODES = sorted(NODE_CLASS_MAPPINGS)
FEW = settings(max_examples=8, derandomize=True, suppress_health_check=list(HealthCheck), deadline=None)
MANY = settings(max_examples=150, suppress_health_check=list(HealthCheck), deadline=None)
SENTENCE = re.compile(r"\w+ .*\w+")
LOOP = Executor({"open": api("LoopOpen"), "close": api("LoopClose", loop=["open", 0], state=["open", 1])})
HELPLESS = (
    "object has no attribute",
    "unexpected keyword",
    "not supported between",
    "unsupported operand",
    "must be real",
)
"""What Python says of itself when a node did not look at what it got."""


@pytest.fixture(autouse=True, scope="module")
def folders(tmp_path_factory):
    """Nodes that write do so in a folder that vanishes."""
    patch = pytest.MonkeyPatch()
    base = tmp_path_factory.mktemp("fuzz")
    patch.setattr(host, "_plain_folders", {kind: base / kind for kind in ("input", "output", "temp")})
    save_picture(torch.rand(6, 5, 3), host.folder("input") / "photo.png")
    patch.setenv(host.MODELS_VARIABLE, str(base))
    yield
    patch.undo()


def run(node_id: str, arguments: dict) -> tuple | None:
    """The outputs; None when the node refused in words."""
    cls = NODE_CLASS_MAPPINGS[node_id]
    hidden = cls.INPUT_TYPES().get("hidden", {})
    values = {**arguments, **{name: LOOP if kind == "DYNPROMPT" else "close" for name, kind in hidden.items()}}
    try:
        with warnings.catch_warnings(), torch.inference_mode():
            warnings.simplefilter("error", RuntimeWarning)
            answer = getattr(cls(), cls.FUNCTION)(**values)
    except (ValueError, TypeError) as error:
        words = str(error)
        assert len(words) > 20 and SENTENCE.search(words), repr(error)
        assert not any(part in words for part in HELPLESS), repr(error)
        return None
    return answer["result"] if isinstance(answer, dict) else answer


def check(node_id: str, outputs: tuple | None) -> None:
    cls = NODE_CLASS_MAPPINGS[node_id]
    if outputs is None:
        return
    assert len(outputs) == len(cls.RETURN_TYPES)
    kinds = {"IMAGE": torch.Tensor, "MASK": torch.Tensor, "STRING": str, "FLOAT": float, "INT": int, "BOOLEAN": bool}
    for name, kind, value in zip(cls.RETURN_NAMES, cls.RETURN_TYPES, outputs, strict=True):
        if kind in kinds:
            assert isinstance(value, kinds[kind]), name
        if kind == "IMAGE":
            assert value.ndim == 4 and value.numel() > 0 and torch.isfinite(value).all(), name


def fuzz(strategy, limits):
    def test(node_id):
        @limits
        @given(st.data())
        def once(data):
            check(node_id, run(node_id, data.draw(strategy(node_id))))

        once()

    return test


test_inside_the_declared_ranges = pytest.mark.parametrize("node_id", NODES)(fuzz(node_fuzz.inside, FEW))
test_outside_the_declared_ranges = pytest.mark.parametrize("node_id", NODES)(fuzz(node_fuzz.outside, FEW))
test_inside_at_length = pytest.mark.slow(pytest.mark.parametrize("node_id", NODES)(fuzz(node_fuzz.inside, MANY)))
test_outside_at_length = pytest.mark.slow(pytest.mark.parametrize("node_id", NODES)(fuzz(node_fuzz.outside, MANY)))
