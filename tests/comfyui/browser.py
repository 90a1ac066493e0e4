"""Workflows in ComfyUI's front-end: opened, run, photographed; shared by the tests with a browser."""

import itertools
import os
from pathlib import Path

import numpy as np
from realdenoise.headless.run import read_workflow
from shipped import FOLDER, smaller

PICTURES = os.environ.get("REALDENOISE_SCREENSHOTS", "")
"""A folder for screenshots to look at."""
FRESH = itertools.count(5000, 100)
RUN = """async () => {
  window.finished = "";
  window.previews = 0;
  if (!window.watched) {
    window.watched = true;
    app.api.addEventListener("execution_success", () => (window.finished = "success"));
    app.api.addEventListener("execution_error", (event) => (window.finished = event.detail.exception_message));
    app.api.addEventListener("b_preview_with_metadata", () => (window.previews += 1));
    app.api.addEventListener("b_preview", () => (window.previews += 1));
  }
  await app.queuePrompt(0, 1);
}"""
ERRORS = """() => ({
  marked: app.graph.nodes.filter((node) => node.has_errors).map((node) => node.id),
  failed: app.lastExecutionError?.node_id ?? null,
  refused: Object.keys(app.lastNodeErrors ?? {}).map(Number),
})"""
OVERLAPS = """() => {
  const scale = app.canvas.ds.scale;
  const drawn = [...document.querySelectorAll("[data-node-id]")].map((element) => {
    const { left, top, width, height } = element.getBoundingClientRect();
    return [element.dataset.nodeId, [left, top, width, height].map((each) => each / scale)];
  });
  const all = drawn.length ? drawn : app.graph.nodes.map((node) => [node.id, [...node.boundingRect]]);
  const shared = (a, b, axis) => Math.min(a[axis] + a[axis + 2], b[axis] + b[axis + 2]) - Math.max(a[axis], b[axis]);
  const title = (id) => app.graph.getNodeById(id)?.title ?? id;
  return all.flatMap(([id, a], index) => all.slice(0, index)
    .filter(([, b]) => shared(a, b, 0) > 4 && shared(a, b, 1) > 4).map(([other]) => [title(other), title(id)]));
}"""
PINK = (255, 0, 255)
"""What the classic canvas draws around a node that failed."""
FRAME = 16
"""Shortest side of such a frame in pixels; in a noisy picture as many pink pixels in a row do not happen."""


def overlaps(page) -> list[list[str]]:
    """Titles of nodes that lie over each other, whichever way nodes are drawn."""
    return page.evaluate(OVERLAPS)


def has_frame(pixels: np.ndarray) -> bool:
    """Whether a screenshot [H,W,3] shows the frame of an error: a row or a column with a long stretch of pink."""
    pink = (pixels == PINK).all(axis=-1)
    for lines in (pink, pink.T):
        long = [lines[:, start : lines.shape[1] - FRAME + 1 + start] for start in range(FRAME)]
        if np.logical_and.reduce(long).any():
            return True
    return False


def open_workflow(page, name: str) -> None:
    content = read_workflow(FOLDER / f"{name}.json")
    page.evaluate("content => app.loadGraphData(content, true, true, 'shipped')", content)


def widgets(page) -> list[dict]:
    """Every widget of the workflow on the screen."""
    return page.evaluate("""app.graph.nodes.flatMap((node) => (node.widgets ?? []).map((widget, index) =>
        ({ node: node.id, kind: node.type, index, name: widget.name, value: widget.value })))""")


def change(page, node: int, index: int, value: object) -> None:
    """Set a widget, as a workflow would and not as a hand does: nobody is told."""
    page.evaluate(
        "([node, index, value]) => (app.graph.getNodeById(node).widgets[index].value = value)", [node, index, value]
    )


def make_small(page, name: str) -> None:
    """Let the workflow called `name` take seconds."""
    for widget in widgets(page):
        value = smaller(name, widget["kind"], widget["name"], widget["value"])
        if value != widget["value"]:
            change(page, widget["node"], widget["index"], value)


def run(page, seconds: float = 600) -> str:
    """Press Run and wait; → 'success', or what the error dialog says."""
    page.evaluate(RUN)
    ended = False
    try:
        page.wait_for_function("window.finished", timeout=1000 * seconds)
        ended = True
    finally:
        if not ended:  # or its end would be taken for the end of the next test's run
            page.evaluate("app.api.interrupt()")
    return page.evaluate("window.finished")


def screenshot(page, name: str) -> bytes:
    """The whole workflow on the screen as PNG; kept if somebody wants to look at it."""
    page.evaluate("app.canvas.fitViewToSelectionAnimated?.(); app.canvas.setDirty(true, true)")
    page.wait_for_timeout(700)
    picture = page.screenshot()
    if PICTURES:
        Path(PICTURES).mkdir(parents=True, exist_ok=True)
        (Path(PICTURES) / f"{name}.png").write_bytes(picture)
    return picture
