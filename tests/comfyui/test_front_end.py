"""The shipped workflows in ComfyUI's real front-end, classic and Vue nodes, in a headless Chromium."""

import io

import numpy as np
import pytest
from browser import (
    ERRORS,
    FRESH,
    PINK,
    change,
    has_frame,
    make_small,
    open_workflow,
    overlaps,
    run,
    screenshot,
    widgets,
)
from PIL import Image
from realdenoise.headless.convert import to_prompt
from realdenoise.headless.run import CLASSES, read_workflow
from shipped import FILES, FOLDER

GROWN = {"noise_level_sweep": {"Sweep: U-Net", "Sweep: wavelet", "Sweep: total variation"}}
"""Nodes whose pictures are higher with the few levels of a test than with those of the workflow."""


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


@pytest.mark.parametrize("name", FILES)
def test_every_workflow_runs_and_no_node_is_marked(page, mode, name):
    open_workflow(page, name)
    make_small(page, name)
    assert run(page) == "success"
    assert page.evaluate(ERRORS) == {"marked": [], "failed": None, "refused": []}
    assert page.locator(".p-toast-message-error, .comfy-error-report").count() == 0
    over = [pair for pair in overlaps(page) if not set(pair) <= GROWN.get(name, set())]
    assert over == [], "nodes lie over each other"
    pixels = np.asarray(Image.open(io.BytesIO(screenshot(page, f"{mode}_{name}"))).convert("RGB"))
    assert not has_frame(pixels)


def test_the_frame_of_an_error_is_told_from_noise():
    noise = np.where(np.random.default_rng(0).random((400, 400, 1)) < 0.3, PINK, (0, 0, 0))
    assert not has_frame(noise)
    for rows, columns in ((slice(9, 10), slice(20, 60)), (slice(20, 60), slice(399, 400))):
        framed = noise.copy()
        framed[rows, columns] = PINK
        assert has_frame(framed)


def test_one_click_shows_text_and_slider(page):
    open_workflow(page, "denoise_photo")
    iso = next(w for w in widgets(page) if w["kind"] == "RealDenoiseSamplePhoto" and w["name"] == "iso")
    change(page, iso["node"], iso["index"], next(FRESH))  # nodes that ComfyUI finds in its cache show nothing
    assert run(page) == "success"
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


COLOURS = """(element) => ["color", "backgroundColor"].map((name) =>
    getComputedStyle(element)[name].match(/[\\d.]+/g).slice(0, 3).map(Number))"""


def luminance(colour: list[float]) -> float:
    """Relative luminance of an sRGB colour of 0 to 255 (WCAG 2.1)."""
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in (v / 255 for v in colour)]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_text_on_nodes_is_readable(comfyui, browser, mode, theme):
    """Contrast of at least 4.5 to 1, as WCAG 2.1 asks for."""
    comfyui.set_option("Comfy.ColorPalette", theme)
    page = comfyui.open_editor(browser, mode)
    try:
        open_workflow(page, "denoise_photo")
        iso = next(w for w in widgets(page) if w["kind"] == "RealDenoiseSamplePhoto" and w["name"] == "iso")
        change(page, iso["node"], iso["index"], next(FRESH))
        assert run(page) == "success"
        box = page.locator(".realdenoise-text", has_text="blind").first
        box.wait_for()
        low, high = sorted(luminance(colour) for colour in box.evaluate(COLOURS))
        screenshot(page, f"{mode}_{theme}_theme")
        assert (high + 0.05) / (low + 0.05) >= 4.5
    finally:
        comfyui.set_option("Comfy.ColorPalette", "dark")
        page.close()


def test_a_loop_shows_previews_of_its_steps(page):
    open_workflow(page, "heat_and_score")
    make_small(page, "heat_and_score")
    seed = next(w for w in widgets(page) if w["kind"] == "RealDenoiseStartDenoising" and w["name"] == "seed")
    noise = next(w for w in widgets(page) if w["kind"] == "RealDenoiseAddNoise" and w["name"] == "seed")
    for widget in (seed, noise):
        change(page, widget["node"], widget["index"], next(FRESH))
    assert run(page) == "success" and page.evaluate("window.previews") > 0


VIDEO_WIDTH = """kind => { const node = app.graph.nodes.find(({ type }) => type === kind);
  const drawn = document.querySelector(`[data-node-id="${node.id}"] video`);
  const video = drawn ?? node.videoContainer?.querySelector("video");
  return video?.videoWidth ?? 0; }"""


def test_videos_play_on_the_nodes_that_make_them(page):
    """Also after pictures of its frames, which the front-end would keep instead."""
    open_workflow(page, "denoise_video")
    make_small(page, "denoise_video")
    (strength,) = [w for w in widgets(page) if w["kind"] == "RealDenoiseDenoiseVideo" and w["name"] == "strength"]
    change(page, strength["node"], strength["index"], 0.5 + next(FRESH) // 100 % 50 / 100)
    assert run(page) == "success" and page.evaluate("window.previews") > 0
    for kind in ("RealDenoiseSampleClip", "RealDenoiseDenoiseVideo"):
        page.wait_for_function(f"kind => ({VIDEO_WIDTH})(kind) > 0", arg=kind, timeout=30_000)


def test_a_missing_model_is_said_on_the_node_that_names_it(page):
    open_workflow(page, "denoise_photo")
    (name,) = [w for w in widgets(page) if w["kind"] == "RealDenoiseLoadDenoiser" and w["name"] == "denoiser"]
    change(page, name["node"], name["index"], "gone.safetensors")
    page.evaluate("app.queuePrompt(0, 1)")
    page.wait_for_function("Object.keys(app.lastNodeErrors ?? {}).length > 0", timeout=30_000)
    assert page.evaluate(ERRORS)["refused"] == [name["node"]]
    page.keyboard.press("Escape")


def test_an_error_is_said_on_the_node_where_it_happened(page):
    open_workflow(page, "compare_denoisers")
    (amount,) = [w for w in widgets(page) if w["kind"] == "RealDenoiseAddNoise" and w["name"] == "amount"]
    change(page, amount["node"], amount["index"], 1000)
    assert "0 to 255" in run(page)
    assert int(page.evaluate(ERRORS)["failed"]) == amount["node"]
    page.keyboard.press("Escape")


def test_our_widgets_are_not_saved(page):
    """A text box in `widgets_values` would shift the values of the next release's inputs."""
    open_workflow(page, "denoise_photo")
    saved = page.evaluate("app.graph.serialize().nodes.find(n => n.type == 'RealDenoiseDenoiseImage').widgets_values")
    assert saved == [0, 1]
