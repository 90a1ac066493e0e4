"""What must hold for every node of the pack, now and for those to come."""

import inspect
import json
import os
import re
from pathlib import Path

import node_calls
import pytest
import torch
from realdenoise.nodes import NODE_CLASS_MAPPINGS, NODE_DISPLAY_NAME_MAPPINGS
from realdenoise.nodes.scheduler_base import SchedulerNode

NODES = sorted(NODE_CLASS_MAPPINGS)
IMAGE_NODES = [name for name in NODES if node_calls.takes_only_images(name)]
SNAPSHOT = Path(__file__).with_name("node_snapshot.json")
WEB = Path(__file__).resolve().parents[1] / "web"
UPDATE = "REALDENOISE_UPDATE_SNAPSHOT"
SLOW = {"RealDenoiseTrainDenoiser", "RealDenoiseZeroShot"}


@pytest.mark.parametrize("node_id", NODES)
def test_a_node_says_what_it_is(node_id):
    cls = NODE_CLASS_MAPPINGS[node_id]
    assert re.fullmatch(r"RealDenoise[A-Z]\w+", node_id)
    assert cls.CATEGORY.startswith("RealDenoise/")
    assert len(cls.DESCRIPTION) > 20 and cls.DESCRIPTION.rstrip().endswith(".")
    assert len(NODE_DISPLAY_NAME_MAPPINGS[node_id]) > 3


@pytest.mark.parametrize("node_id", NODES)
def test_every_input_and_output_is_explained(node_id):
    cls = NODE_CLASS_MAPPINGS[node_id]
    mute = [name for name, entry in node_calls.inputs(node_id).items() if len(entry[1].get("tooltip", "")) < 10]
    assert mute == []
    names = getattr(cls, "RETURN_NAMES", ())
    tooltips = getattr(cls, "OUTPUT_TOOLTIPS", ())
    assert len(names) == len(tooltips) == len(cls.RETURN_TYPES)
    assert all(len(tooltip) > 10 for tooltip in tooltips)


@pytest.mark.parametrize("node_id", NODES)
def test_every_node_has_a_help_page(node_id):
    page = (WEB / "docs" / f"{node_id}.md").read_text(encoding="utf-8")
    assert page.startswith(f"# {NODE_DISPLAY_NAME_MAPPINGS[node_id].split(' (')[0]}") and len(page) > 200


@pytest.mark.parametrize("node_id", NODES)
def test_the_function_takes_what_is_declared(node_id):
    cls = NODE_CLASS_MAPPINGS[node_id]
    parameters = inspect.signature(getattr(cls, cls.FUNCTION)).parameters
    declared = node_calls.inputs(node_id, ("required", "optional", "hidden"))
    if not any(p.kind is p.VAR_KEYWORD for p in parameters.values()):
        assert set(declared) <= set(parameters)
    optional = node_calls.inputs(node_id, ("optional",))
    assert all(name not in parameters or parameters[name].default is not inspect.Parameter.empty for name in optional)


@pytest.mark.parametrize("node_id", [name for name in NODES if hasattr(NODE_CLASS_MAPPINGS[name], "IS_CHANGED")])
def test_asked_whether_it_has_changed_it_takes_every_input(node_id):
    """An error would count as a change, and the node would run at every prompt."""
    declared = node_calls.inputs(node_id, ("required", "optional", "hidden"))
    inspect.signature(NODE_CLASS_MAPPINGS[node_id].IS_CHANGED).bind(**dict.fromkeys(declared))


@pytest.mark.parametrize("node_id", NODES)
def test_defaults_lie_within_sensible_ranges(node_id):
    for name, entry in node_calls.inputs(node_id).items():
        if not node_calls.is_widget(entry):
            continue
        value, options = node_calls.default(entry), entry[1]
        if node_calls.kind(entry) in ("INT", "FLOAT"):
            assert {"min", "max"} <= set(options), name
            assert options["min"] <= value <= options["max"], name
        if node_calls.kind(entry) == "COMBO":
            assert value in node_calls.choices(entry), name


@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize("shape", [(1, 33, 47), (3, 16, 17), (1, 1, 1)])
@pytest.mark.parametrize("node_id", [name for name in IMAGE_NODES if name not in SLOW])
def test_pictures_of_any_size_and_depth(node_id, shape, channels):
    image = torch.rand(*shape, channels, generator=torch.manual_seed(0))
    before = image.clone()
    try:
        outputs = node_calls.call(node_id, image)
    except ValueError as error:  # a node may need larger pictures, and then says so
        assert shape[1:] == (1, 1) and len(str(error)) > 20
        return
    assert torch.equal(image, before), "the input was changed"
    _check(node_id, outputs, image)


@pytest.mark.parametrize("node_id", [name for name in IMAGE_NODES if name not in SLOW])
def test_half_precision_pictures(node_id):
    image = torch.rand(1, 24, 25, 3, generator=torch.manual_seed(0)).half()
    _check(node_id, node_calls.call(node_id, image), image)


def _check(node_id, outputs, image):
    cls = NODE_CLASS_MAPPINGS[node_id]
    assert len(outputs) == len(cls.RETURN_TYPES)
    for name, kind, value in zip(cls.RETURN_NAMES, cls.RETURN_TYPES, outputs, strict=True):
        if kind == "IMAGE":
            assert value.ndim == 4 and torch.isfinite(value).all(), name
        if name == "image":
            assert value.shape == image.shape and value.dtype == image.dtype and value.device == image.device
        if kind == "STRING":
            assert value.strip(), name


@pytest.mark.parametrize("node_id", IMAGE_NODES)
@pytest.mark.parametrize("image", [torch.full((1, 16, 16, 3), float("nan")), torch.rand(0, 16, 16, 3), [[0.5]]])
def test_unusable_pictures_are_refused_in_words(node_id, image):
    with pytest.raises((ValueError, TypeError)) as problem:
        node_calls.call(node_id, image)
    assert len(str(problem.value)) > 20


def _describe(node_id):
    cls = NODE_CLASS_MAPPINGS[node_id]
    described = {}
    for name, entry in node_calls.inputs(node_id).items():
        described[name] = {"type": node_calls.kind(entry)}
        if node_calls.is_widget(entry):
            described[name]["default"] = node_calls.default(entry)
        if node_calls.kind(entry) == "COMBO":
            described[name]["options"] = node_calls.choices(entry)
    return {"inputs": described, "outputs": list(map(list, zip(cls.RETURN_NAMES, cls.RETURN_TYPES, strict=True)))}


def test_saved_workflows_keep_their_meaning():
    """Ids, inputs and outputs of released nodes stay; new ones are appended, because widgets are saved by position."""
    now = {node_id: _describe(node_id) for node_id in NODES}
    if os.environ.get(UPDATE):
        SNAPSHOT.write_text(json.dumps(now, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    saved = json.loads(SNAPSHOT.read_text(encoding="utf-8"))
    assert set(saved) == set(now), f"nodes came or went; if that is meant, run this test once with {UPDATE}=1"
    for node_id, node in saved.items():
        inputs = now[node_id]["inputs"]
        assert list(inputs)[: len(node["inputs"])] == list(node["inputs"]), node_id
        assert now[node_id]["outputs"][: len(node["outputs"])] == node["outputs"], node_id
        for name, entry in node["inputs"].items():
            assert inputs[name]["type"] == entry["type"] and inputs[name].get("default") == entry.get("default"), name
            assert set(entry.get("options", [])) <= set(inputs[name].get("options", [])), f"{node_id}.{name}"


def test_the_editor_shows_every_line_that_no_output_carries():
    """Charts of schedulers say in their titles what their lines say."""
    script = (WEB / "js" / "realdenoise.js").read_text(encoding="utf-8")
    shown = re.search(r"const TELLING = new Set\((.*?)\);", script, re.DOTALL)
    assert shown is not None
    others = {node_id: cls for node_id, cls in NODE_CLASS_MAPPINGS.items() if "STRING" not in cls.RETURN_TYPES}
    silent = {
        node_id
        for node_id, cls in others.items()
        if not issubclass(cls, SchedulerNode) and " answer(" in inspect.getsource(cls)
    }
    assert {f"RealDenoise{name}" for name in re.findall(r'"(\w+)"', shown[1])} == silent


def test_a_dropped_link_is_offered_the_nodes_most_wanted():
    """ComfyUI offers the first four, in the order of registration."""
    makers = [node_id for node_id, cls in NODE_CLASS_MAPPINGS.items() if "DENOISER" in cls.RETURN_TYPES]
    users = [
        node_id for node_id in NODE_CLASS_MAPPINGS if node_calls.inputs(node_id).get("denoiser", [""])[0] == "DENOISER"
    ]
    schedulers = [node_id for node_id, cls in NODE_CLASS_MAPPINGS.items() if "DENOISE_SCHEDULER" in cls.RETURN_TYPES]
    assert "RealDenoiseLoadDenoiser" in makers[:4]
    assert {"RealDenoiseDenoiseImage", "RealDenoiseDenoiseVideo", "RealDenoiseSampleLoop"} <= set(users[:4])
    assert {"RealDenoiseDDPMScheduler", "RealDenoiseInterpolationScheduler"} <= set(schedulers[:4])
