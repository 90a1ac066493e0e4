"""The shipped workflows in ComfyUI's real front-end, classic and Vue nodes, in a headless Chromium."""

import itertools
from pathlib import Path

import pytest
from realdenoise.headless.convert import to_prompt
from realdenoise.headless.run import CLASSES, read_workflow

FOLDER = Path(__file__).resolve().parents[2] / "workflows"
FILES = sorted(path.stem for path in FOLDER.glob("*.json"))
FRESH = itertools.count(5000, 100)
RUN = """async () => {
  window.finished = "";
  app.api.addEventListener("execution_success", () => (window.finished = "success"));
  app.api.addEventListener("execution_error", (event) => (window.finished = event.detail.exception_message));
  await app.queuePrompt(0, 1);
}"""


@pytest.fixture(params=["classic", "vue"], scope="module")
def page(comfyui, browser, request):
    comfyui.set_option("Comfy.VueNodes.Enabled", request.param == "vue")
    opened = comfyui.open_editor(browser)
    yield opened
    opened.close()


def open_workflow(page, name: str) -> None:
    page.evaluate(
        "content => app.loadGraphData(content, true, true, 'shipped')", read_workflow(FOLDER / f"{name}.json")
    )


@pytest.mark.parametrize("name", FILES)
def test_the_front_end_reads_a_workflow_as_we_do(page, name):
    """No missing node, no complaint, and the very prompt that the headless runner makes of the same file."""
    open_workflow(page, name)
    assert page.evaluate("app.graph.nodes.filter(node => node.has_errors).map(node => node.type)") == []
    assert page.locator(".p-toast-message").count() == 0
    theirs = page.evaluate("async () => (await app.graphToPrompt()).output")
    ours = to_prompt(read_workflow(FOLDER / f"{name}.json"), CLASSES)
    assert set(theirs) == set(ours)
    for number, node in ours.items():
        assert theirs[number]["class_type"] == node["class_type"]
        # the front-end adds drawn widgets of its own (Preview as Text), which the back-end does not read
        read = {name: value for name, value in theirs[number]["inputs"].items() if name in node["inputs"]}
        assert read == node["inputs"], node["class_type"]


def test_one_click_shows_text_and_slider(page):
    open_workflow(page, "denoise_photo")
    change = "iso => app.graph.nodes.find(n => n.type == 'RealDenoiseSamplePhoto').widgets[1].value = iso"
    page.evaluate(change, next(FRESH))  # nodes that ComfyUI finds in its cache show nothing
    page.evaluate(RUN)
    page.wait_for_function("window.finished", timeout=120_000)
    assert page.evaluate("window.finished") == "success"
    page.wait_for_function("[...document.querySelectorAll('.realdenoise-text')].some(e => /blind/.test(e.textContent))")
    box = page.locator(".realdenoise-compare.full")
    page.wait_for_function("[...document.querySelectorAll('.realdenoise-compare img')].every(e => e.naturalWidth > 0)")
    before = box.locator("img").nth(1).evaluate("e => e.style.clipPath")
    box.hover(position={"x": 10, "y": 60})
    assert box.locator("img").nth(1).evaluate("e => e.style.clipPath") != before
    box.locator(".toggle").click()
    style = "e => [getComputedStyle(e).mixBlendMode, getComputedStyle(e).clipPath]"
    assert box.locator("img").nth(1).evaluate(style) == ["difference", "none"]
    assert box.locator(".toggle").inner_text() == "slider" and box.locator(".line").is_hidden()
    box.locator(".toggle").click()
    assert box.locator("img").nth(1).evaluate(style)[0] == "normal" and box.locator(".line").is_visible()


def test_our_widgets_are_not_saved(page):
    """A text box in `widgets_values` would shift the values of the next release's inputs."""
    open_workflow(page, "denoise_photo")
    saved = page.evaluate("app.graph.serialize().nodes.find(n => n.type == 'RealDenoiseDenoiseImage').widgets_values")
    assert saved == [0, 1]
