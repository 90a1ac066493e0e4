"""What nodes show without a run, after other workflows were looked at, and when ComfyUI's cache spares them the run."""

import json
import urllib.error

import pytest
from browser import FRESH, change, make_small, open_workflow, run, widgets
from comfyui_calls import get_text

TEXTS = """() => Object.fromEntries(app.graph.nodes.filter((node) => node.type.startsWith("RealDenoise"))
  .map((node) => [node.id, (node.widgets ?? []).find((each) => each.name === "realdenoise_text")?.element?.textContent])
  .filter(([, text]) => text))"""
PICTURES = "[...document.querySelectorAll('.realdenoise-compare.full img')].map((each) => each.src)"
PLACE = """() => {
  app.graph.clear();
  const node = LiteGraph.createNode("RealDenoiseLoadDenoiser");
  app.graph.add(node);
  node.pos = [200, 200];
}"""
CHOOSE = """(name) => {
  const node = app.graph.nodes.find((each) => each.type === "RealDenoiseLoadDenoiser");
  const widget = node.widgets.find((each) => each.name === "denoiser");
  widget.value = name;
  widget.callback?.(name, app.canvas, node);
}"""
GROUP = """async () => {
  app.canvas.deselectAll();
  for (const id of [5, 6]) app.canvas.select(app.graph.getNodeById(id));
  await app.extensionManager.command.execute("Comfy.Graph.ConvertToSubgraph");
  await new Promise((done) => setTimeout(done, 500));
}"""
INSIDE = """() => app.graph.nodes.find((node) => node.subgraph).subgraph.nodes
  .map((node) => node.widgets?.find(({ name }) => name === "realdenoise_text")?.element.textContent)"""
SPILT = """() => [...document.querySelectorAll(".dom-widget > .realdenoise-text")]
  .map((box) => box.offsetHeight - box.parentElement.clientHeight).filter((pixels) => pixels > 0)"""


def card(comfyui, name: str) -> str:
    return get_text(f"{comfyui.address}/api/realdenoise/card?denoiser={name}")


def wait_for_text(page, words: str) -> None:
    page.wait_for_function(f"(words) => Object.values(({TEXTS})()).some((text) => text.includes(words))", arg=words)


def command(page, name: str) -> None:
    page.evaluate("(name) => app.extensionManager.command.execute(name)", f"Workspace.{name}")
    page.wait_for_timeout(1000)


def fresh_photo(page) -> None:
    """The first workflow with a noise that no test has had."""
    open_workflow(page, "denoise_photo")
    iso = next(w for w in widgets(page) if w["kind"] == "RealDenoiseSamplePhoto" and w["name"] == "iso")
    change(page, iso["node"], iso["index"], next(FRESH))


def test_the_server_hands_out_cards_of_listed_names_alone(comfyui):
    assert "CBSD68" in card(comfyui, "ridnet") and "non-commercial" in card(comfyui, "ridnet")
    for name in ("gone", "../../main.py", ""):
        with pytest.raises(urllib.error.HTTPError) as problem:
            card(comfyui, name)
        sentence = problem.value.read().decode()
        assert problem.value.code == 404 and "is not installed" in sentence and "models/denoisers" in sentence


def test_a_card_is_shown_before_anything_runs(comfyui, page):
    page.evaluate(PLACE)
    wait_for_text(page, card(comfyui, "interpolation_unet"))
    page.evaluate(CHOOSE, "vae")
    wait_for_text(page, card(comfyui, "vae"))
    page.evaluate(CHOOSE, "gone.safetensors")
    wait_for_text(page, "is not installed")
    open_workflow(page, "train_your_own")
    wait_for_text(page, "PSNR: ")


def test_answers_are_there_again_after_looking_at_another_workflow(page):
    fresh_photo(page)
    assert run(page) == "success"
    page.wait_for_function(f"({PICTURES}).length === 2")
    texts, pictures = page.evaluate(TEXTS), page.evaluate(PICTURES)
    assert any("blind" in text for text in texts.values()) and len(texts) >= 2
    open_workflow(page, "guidance")
    assert page.evaluate(PICTURES) == [] and not set(page.evaluate(TEXTS).values()) & set(texts.values())
    command(page, "PreviousOpenedWorkflow")
    page.wait_for_function(f"({PICTURES}).length === 2")
    assert page.evaluate(TEXTS) == texts and page.evaluate(PICTURES) == pictures


def test_a_run_that_ends_behind_another_workflow_is_shown_where_it_belongs(page):
    fresh_photo(page)
    assert run(page) == "success"
    texts = page.evaluate(TEXTS)
    fresh_photo(page)
    page.evaluate("window.finished = ''; app.queuePrompt(0, 1)")
    command(page, "PreviousOpenedWorkflow")
    page.wait_for_function("window.finished", timeout=300_000)
    assert page.evaluate(TEXTS) == texts, "an answer for the workflow behind"
    command(page, "NextOpenedWorkflow")
    behind = page.evaluate(TEXTS)
    assert set(behind) == set(texts) and behind != texts


def test_nodes_that_are_spared_their_run_answer_as_before(comfyui, page):
    fresh_photo(page)
    content = page.evaluate("app.graph.serialize()")
    assert run(page) == "success"
    page.wait_for_function(f"({PICTURES}).length === 2")
    texts = page.evaluate(TEXTS)
    del content["id"]
    page.evaluate("content => app.loadGraphData(content, true, true, 'again')", json.loads(json.dumps(content)))
    assert page.evaluate(PICTURES) == [] and page.evaluate(TEXTS) != texts
    assert run(page) == "success"
    page.wait_for_function(f"({PICTURES}).length === 2")
    again = page.evaluate(TEXTS)
    assert set(again) == set(texts) and again == texts
    assert page.evaluate(SPILT) == [], "text over what is below it"
    page.evaluate("sessionStorage.clear()")
    comfyui.reload_editor(page)  # all that is left is what the server knows
    page.evaluate("content => app.loadGraphData(content, true, true, 'later')", content)
    assert run(page) == "success"
    page.wait_for_function(f"({PICTURES}).length === 2")
    page.wait_for_function(f"(count) => Object.keys(({TEXTS})()).length === count", arg=len(texts))
    assert page.evaluate(TEXTS) == texts


def test_a_node_that_is_moved_into_a_subgraph_answers_as_before(page):
    fresh_photo(page)
    assert run(page) == "success"
    before = page.evaluate(TEXTS)
    page.evaluate(GROUP)
    assert run(page) == "success"
    page.wait_for_function(
        f"(texts) => texts.every((text) => ({INSIDE})().includes(text))", arg=[before["5"], before["6"]]
    )


def test_steps_and_classes_are_told_and_charts_are_back_when_spared(page):
    open_workflow(page, "guidance")
    make_small(page, "guidance")
    content = page.evaluate("app.graph.serialize()")
    assert run(page) == "success"
    texts = page.evaluate(TEXTS)
    assert texts["12"] == "class 5 (textured green)" and texts["27"].startswith("step 1 of 2 · sigma ")
    assert page.evaluate(SPILT) == []
    del content["id"]
    page.evaluate("content => app.loadGraphData(content, true, true, 'again')", content)
    assert page.evaluate("app.nodeOutputs[3]") is None
    assert run(page) == "success"
    page.wait_for_function("app.nodeOutputs[3]?.images?.length === 1")
    assert page.evaluate(TEXTS) == texts
