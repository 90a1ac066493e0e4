"""The shipped workflow files: complete, tidy, in range, and reaching their numbers without ComfyUI."""

import itertools
import json
from pathlib import Path

import node_calls
import pytest
from PIL import Image
from realdenoise.headless.run import CLASSES
from realdenoise.nodes import NODE_CLASS_MAPPINGS

FOLDER = Path(__file__).resolve().parents[1] / "workflows"
FILES = sorted(path.stem for path in FOLDER.glob("*.json"))
FRONT_END_ONLY = {"Reroute", "Note", "MarkdownNote", "PrimitiveNode"}
TITLE = 30


def load(name: str) -> dict:
    return json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))


def saved_widgets(node_id: str) -> list[tuple[str, tuple]]:
    """(name, entry) of every place in `widgets_values`, with the extra place behind a seed."""
    places = []
    for name, entry in node_calls.inputs(node_id).items():
        if node_calls.is_widget(entry):
            places.append((name, entry))
            if entry[1].get("control_after_generate") or name in ("seed", "noise_seed"):
                places.append(("control", (["fixed"], {})))
    return places


@pytest.mark.parametrize("name", FILES)
def test_every_node_is_known_and_names_its_pack(name):
    workflow = load(name)
    assert workflow["version"] == 0.4
    for node in workflow["nodes"]:
        kind = node["type"]
        assert kind in CLASSES or kind in FRONT_END_ONLY, kind
        if kind in NODE_CLASS_MAPPINGS:
            assert node["properties"]["cnr_id"] == "realdenoise", kind


def test_every_node_appears_in_a_workflow():
    used = {node["type"] for name in FILES for node in load(name)["nodes"]}
    assert set(NODE_CLASS_MAPPINGS) - used == set()


@pytest.mark.parametrize("name", FILES)
def test_seeds_are_fixed_and_the_sample_feeds_it(name):
    """One click runs it on a fresh install, and a second click does not change it."""
    nodes = load(name)["nodes"]
    kinds = {node["type"] for node in nodes if node["mode"] == 0}
    assert "RealDenoiseSamplePhoto" in kinds or not any(kind.startswith("Load") for kind in kinds)
    for node in nodes:
        if node["type"] in NODE_CLASS_MAPPINGS:
            places = [name for name, _ in saved_widgets(node["type"])]
            controls = [v for place, v in zip(places, node["widgets_values"], strict=False) if place == "control"]
            assert set(controls) <= {"fixed"}, node["type"]
        if node["type"] in ("LoadImage", "RealDenoiseLoadPhoto"):
            assert node["mode"] == 2, "a picture of the user's own is not there yet"


@pytest.mark.parametrize("name", FILES)
def test_saved_widgets_fit_the_nodes(name):
    """Widgets are saved by position; one forgotten in the middle shifts all that follow without an error."""
    for node in load(name)["nodes"]:
        if node["type"] not in NODE_CLASS_MAPPINGS:
            continue
        places, values = saved_widgets(node["type"]), node.get("widgets_values", [])
        assert len(values) <= len(places), node["type"]  # inputs added since then take their defaults
        for (widget, entry), value in zip(places, values, strict=False):
            where = f"{node['type']}.{widget}"
            if node_calls.kind(entry) == "COMBO":
                assert value in node_calls.choices(entry), where
            elif node_calls.kind(entry) in ("INT", "FLOAT"):
                assert entry[1]["min"] <= value <= entry[1]["max"], where
            else:
                assert isinstance(value, (str, bool)), where


@pytest.mark.parametrize("name", FILES)
def test_links_lead_from_an_output_to_an_input(name):
    workflow = load(name)
    nodes = {node["id"]: node for node in workflow["nodes"]}
    assert len(nodes) == len(workflow["nodes"])
    for link, source, output, target, position, _ in workflow["links"]:
        assert link in nodes[source]["outputs"][output]["links"]
        assert nodes[target]["inputs"][position]["link"] == link
    for node in workflow["nodes"]:
        required = node_calls.inputs(node["type"], ("required",)) if node["type"] in NODE_CLASS_MAPPINGS else {}
        linked = {entry["name"] for entry in node["inputs"] if entry["link"] is not None}
        missing = [key for key, entry in required.items() if not node_calls.is_widget(entry) and key not in linked]
        assert missing == [], node["type"]


@pytest.mark.parametrize("name", FILES)
def test_no_node_covers_another(name):
    boxes = []
    for node in load(name)["nodes"]:
        (x, y), (width, height) = node["pos"], node["size"]
        top = y if node["type"] == "Reroute" else y - TITLE
        boxes.append((x, top, x + width, y + height, node["type"]))
    for a, b in itertools.combinations(boxes, 2):
        assert a[0] >= b[2] or b[0] >= a[2] or a[1] >= b[3] or b[1] >= a[3], (a, b)


@pytest.mark.parametrize("name", FILES)
def test_there_is_a_note_and_a_thumbnail(name):
    assert any(node["type"] == "MarkdownNote" for node in load(name)["nodes"])
    with Image.open(FOLDER / f"{name}.jpg") as thumbnail:
        assert 300 <= max(thumbnail.size) <= 1024


def decibels(said: dict[str, str]) -> dict[str, float]:
    """PSNR by the meters' names."""
    meters = {title: text for title, text in said.items() if title.startswith("PSNR Meter") and " dB" in text}
    return {
        title.removeprefix("PSNR Meter").lstrip(": "): float(text.split(" dB")[0]) for title, text in meters.items()
    }


def test_denoise_photo_saves_a_clean_picture(shown, tmp_path):
    said = shown("denoise_photo")
    (saved,) = tmp_path.rglob("*.png")
    with Image.open(saved) as picture:
        assert picture.size == (451, 300)
    assert "blind" in said["Denoise Image"]


def test_real_world_interpolation_reaches_its_numbers(shown):
    few = [f"Sampler: {method}.steps=2" for method in ("improved", "origin")]
    said = shown("real_world_interpolation", "Load Denoiser.precision=fp32", *few)
    gains = {
        name: float(said[f"PSNR Meter: {name}"].split("gain ")[1].split(" dB")[0]) for name in ("improved", "origin")
    }
    assert gains["improved"] > 6 and gains["improved"] > gains["origin"]
