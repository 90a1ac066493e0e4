"""The editor in each language of locales/: menu, titles, labels and tooltips are the translated ones."""

import json
from pathlib import Path

import pytest

LOCALES = Path(__file__).resolve().parents[2] / "locales"
LANGUAGES = sorted(path.name for path in LOCALES.glob("*") if path.is_dir())
SHOWN = """() => Object.fromEntries(Object.keys(LiteGraph.registered_node_types)
  .filter(id => id.startsWith("RealDenoise")).map(id => {
    const node = LiteGraph.createNode(id);
    return [id, {
      title: node.title,
      category: node.constructor.category,
      labels: {
        ...Object.fromEntries(node.inputs.map(slot => [slot.name, slot.localized_name])),
        ...Object.fromEntries((node.widgets ?? []).map(widget => [widget.name, widget.label])),
      },
      outputs: node.outputs.map(slot => slot.localized_name),
    }];
  }))"""
PLACE = """id => {
  app.graph.clear();
  const node = LiteGraph.createNode(id);
  app.graph.add(node);
  node.pos = [200, 200];
  app.canvas.ds.reset();
  app.canvas.draw(true, true);
  const widget = node.widgets.find(widget => widget.name === "label");
  const {left, top} = app.canvas.canvas.getBoundingClientRect();
  return [left + node.pos[0] + 60, top + node.pos[1] + widget.y + 10];
}"""


def read(language: str, name: str) -> dict:
    return json.loads((LOCALES / language / f"{name}.json").read_text(encoding="utf-8"))


@pytest.fixture(params=LANGUAGES, scope="module")
def language(comfyui, request):
    comfyui.set_option("Comfy.Locale", request.param)
    yield request.param
    comfyui.set_option("Comfy.Locale", "en")


@pytest.fixture(scope="module")
def editor(comfyui, browser, language):
    page = comfyui.open_editor(browser)  # the session's browser: playwright starts only one at a time
    yield page
    page.close()


def test_nodes_carry_their_translated_names(editor, language):
    nodes, main = read(language, "nodeDefs"), read(language, "main")
    shown = editor.evaluate(SHOWN)
    assert set(shown) == set(nodes)
    for node_id, node in nodes.items():
        assert shown[node_id]["title"] == node["display_name"]
        assert {name: shown[node_id]["labels"][name] for name in node["inputs"]} == {
            name: entry["name"] for name, entry in node["inputs"].items()
        }
        assert shown[node_id]["outputs"] == [entry["name"] for entry in node["outputs"].values()]
        assert set(shown[node_id]["category"].split("/")) <= set(main["nodeCategories"].values())


def test_a_tooltip_is_translated_with_its_braces(editor, language):
    """The placeholder {n} of Trajectory Strip's label must get through the front-end's message format."""
    tooltip = read(language, "nodeDefs")["RealDenoiseTrajectoryStrip"]["inputs"]["label"]["tooltip"]
    x, y = editor.evaluate(PLACE, "RealDenoiseTrajectoryStrip")
    editor.mouse.move(x - 5, y)
    editor.mouse.move(x, y, steps=3)
    box = editor.locator(".node-tooltip")
    box.wait_for(timeout=5000)
    assert box.inner_text() == tooltip.replace("{'{n}'}", "{n}")
