"""The editor in each language of locales/: menu, titles, labels and tooltips are the translated ones."""

import json
import os
import shutil
import urllib.request
from pathlib import Path

import pytest

LOCALES = Path(__file__).resolve().parents[2] / "locales"
LANGUAGES = sorted(path.name for path in LOCALES.glob("*") if path.is_dir())
CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
READY = "window.app?.vueAppReady && Object.keys(LiteGraph.registered_node_types).length > 100"
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


def set_options(comfyui, **options: object) -> None:
    """Settings of the front-end, with _ for the dots of their names."""
    data = json.dumps({name.replace("_", "."): value for name, value in options.items()}).encode()
    request = urllib.request.Request(f"{comfyui.address}/settings", data, {"Content-Type": "application/json"})
    urllib.request.urlopen(request, timeout=30).close()


@pytest.fixture(params=LANGUAGES, scope="module")
def language(comfyui, request):
    set_options(comfyui, Comfy_Locale=request.param, Comfy_VueNodes_Enabled=False, Comfy_TutorialCompleted=True)
    yield request.param
    set_options(comfyui, Comfy_Locale="en")


@pytest.fixture(scope="module")
def editor(comfyui, language):
    playwright = pytest.importorskip("playwright.sync_api", reason="needs playwright")
    if not CHROMIUM:
        pytest.skip("needs Chromium; CHROMIUM names it")
    with playwright.sync_playwright() as driver:
        chromium = driver.chromium.launch(executable_path=CHROMIUM, args=["--headless=new", "--no-sandbox"])
        page = chromium.new_page(viewport={"width": 1700, "height": 1300})
        page.goto(comfyui.address)
        page.wait_for_function(READY, timeout=90_000)
        yield page
        chromium.close()


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
