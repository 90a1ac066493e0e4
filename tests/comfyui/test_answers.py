"""What nodes show without a run, after other workflows were looked at, and when ComfyUI's cache spares them the run."""

import json
import shutil
import urllib.error

import pytest
from browser import FRESH, change, make_small, open_workflow, run, widgets
from comfyui_calls import get_text
from realdenoise.models.loader import find_file

RIDNET = find_file("ridnet")

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
BUILD = """(kinds) => {
  kinds.forEach((kind, index) => {
    const node = LiteGraph.createNode(kind);
    app.graph.add(node);
    node.pos = [200, 200 + 300 * index];
    if (index) app.graph.nodes[0].connect(0, node, 0);
  });
}"""
SPILT = """() => [...document.querySelectorAll(".dom-widget > .realdenoise-text")]
  .map((box) => box.offsetHeight - box.parentElement.clientHeight).filter((pixels) => pixels > 0)"""
ROOM = """(element) => {
  const range = document.createRange();
  range.selectNodeContents(element);
  return [element.clientHeight - 8, range.getBoundingClientRect().height / app.canvas.ds.scale];
}"""


def card(comfyui, name: str) -> str:
    return get_text(f"{comfyui.address}/api/realdenoise/card?denoiser={name}")


def wait_for_text(page, words: str) -> None:
    page.wait_for_function(f"(words) => Object.values(({TEXTS})()).some((text) => text.includes(words))", arg=words)


def command(page, name: str, group: str = "Workspace") -> None:
    page.evaluate("(name) => app.extensionManager.command.execute(name)", f"{group}.{name}")
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


def test_a_card_is_read_again_with_the_lists_of_files(comfyui, page):
    page.evaluate(PLACE)
    page.evaluate(CHOOSE, "late.safetensors")
    wait_for_text(page, "is not installed")
    file = comfyui.base / "models" / "denoisers" / "late.safetensors"
    shutil.copy(RIDNET, file)
    try:
        command(page, "RefreshNodeDefinitions", "Comfy")
        wait_for_text(page, "late · RIDNet")
    finally:
        file.unlink()


def test_a_node_that_is_made_anew_is_the_one_on_the_screen(page):
    """As an undo does; there Vue nodes keep the elements that they have."""
    page.evaluate(PLACE)
    wait_for_text(page, "PSNR: ")
    page.evaluate(
        "app.loadGraphData(app.graph.serialize(), false, false, app.extensionManager.workflow.activeWorkflow)"
    )
    page.evaluate(CHOOSE, "vae")
    page.locator(".realdenoise-text", has_text="vae · ").wait_for()
    assert page.locator(".realdenoise-text").count() == 1


@pytest.mark.parametrize("text", ["saved: /tmp/a-long-folder-name/" * 4, "word " * 60, "three rows\\n\\nof text"])
def test_a_text_has_the_room_that_it_needs(page, text):
    page.evaluate(PLACE)
    wait_for_text(page, "PSNR: ")
    for width in (300, 343, 401):
        page.evaluate(f"""() => {{
            const node = app.graph.nodes[0];
            node.setSize([{width}, 300]);
            node.realdenoiseText("{text}");
            app.canvas.setDirty(true, true);
        }}""")
        page.wait_for_timeout(500)
        box = page.locator(".realdenoise-text", has_text=text.split()[0])
        room, needed = box.evaluate(ROOM)
        assert needed - 1 <= room <= needed + 20, "a row is cut off, or there are rows too many"


def test_the_middle_button_drags_the_canvas_from_a_text_too(page):
    page.evaluate(PLACE)
    wait_for_text(page, "PSNR: ")
    page.wait_for_timeout(500)
    offset = "[...app.canvas.ds.offset]"
    before = page.evaluate(offset)
    box = page.locator(".realdenoise-text", has_text="PSNR: ").bounding_box()
    page.mouse.move(box["x"] + 40, box["y"] + 20)
    page.mouse.down(button="middle")
    page.mouse.move(box["x"] + 100, box["y"] + 50, steps=4)
    page.mouse.up(button="middle")
    scale = page.evaluate("app.canvas.ds.scale")
    moved = [scale * (now - then) for now, then in zip(page.evaluate(offset), before, strict=True)]
    assert moved == pytest.approx([60, 30], abs=2)


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


def test_a_cleared_workflow_has_its_own_answers(page):
    """ComfyUI gives all of them the same id, and their nodes the same numbers."""
    page.evaluate("app.extensionManager.setting.set('Comfy.ConfirmClear', false)")
    open_workflow(page, "guidance")  # the last tab, so that the next one is its neighbour
    command(page, "ClearWorkflow", "Comfy")
    page.evaluate(BUILD, ["RealDenoiseSamplePhoto", "PreviewImage"])
    assert run(page) == "success"
    texts = page.evaluate(TEXTS)
    assert "CC0" in texts["1"]
    open_workflow(page, "guidance")
    command(page, "PreviousOpenedWorkflow")
    assert page.evaluate(TEXTS) == texts
    command(page, "ClearWorkflow", "Comfy")
    for kind in ("RealDenoiseSamplePhoto", "RealDenoiseEstimateNoise"):
        page.evaluate(BUILD, [kind])
        page.wait_for_timeout(300)
        assert page.evaluate(TEXTS) == {}
        page.evaluate("app.graph.remove(app.graph.nodes[0])")


def test_a_number_that_is_given_again_does_not_bring_the_old_text(page):
    fresh_photo(page)
    assert run(page) == "success"
    texts = page.evaluate(TEXTS)
    content = page.evaluate("app.graph.serialize()")
    (node,) = [each for each in content["nodes"] if each["type"] == "RealDenoiseDenoiseImage"]
    node |= {"type": "RealDenoiseEstimateNoise", "inputs": [], "outputs": [], "widgets_values": []}
    page.evaluate("content => app.loadGraphData(content, true, true, 'again')", content)
    page.wait_for_timeout(300)
    assert page.evaluate(TEXTS) == {key: text for key, text in texts.items() if key != str(node["id"])}


def test_nodes_that_do_not_run_show_no_answer(page):
    fresh_photo(page)
    assert run(page) == "success"
    page.wait_for_function(f"({PICTURES}).length === 2")
    texts = page.evaluate(TEXTS)
    card, answer = (next(key for key in texts if words in texts[key]) for words in ("PSNR: ", "blind\n"))
    page.evaluate(
        "(modes) => Object.entries(modes).forEach(([id, mode]) => (app.graph.getNodeById(id).mode = mode))",
        {answer: 4, card: 2, "7": 2},
    )
    assert run(page) == "success"
    page.wait_for_function(f"({PICTURES}).length === 0")
    assert page.evaluate(TEXTS) == {key: text for key, text in texts.items() if key != answer}


def test_pictures_that_the_server_has_removed_are_not_shown(page):
    fresh_photo(page)
    assert run(page) == "success"
    page.wait_for_function(f"({PICTURES}).length === 2")
    open_workflow(page, "guidance")
    page.route("**/view?*", lambda route: route.fulfill(status=404))
    command(page, "PreviousOpenedWorkflow")
    page.wait_for_function("document.querySelector('.realdenoise-compare')")
    page.wait_for_function(f"({PICTURES}).length === 0")
    page.unroute("**/view?*")
    page.locator(".realdenoise-compare .pictures").wait_for(state="hidden")


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
