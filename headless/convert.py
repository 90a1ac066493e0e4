"""From the file a person saves in ComfyUI's editor (UI format) to the graph that runs (API format)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..nodes import NODE_DISPLAY_NAME_MAPPINGS as DISPLAY_NAMES
from .graph import Prompt, WorkflowError

ONLY_DRAWN = {"Note", "MarkdownNote"}
REROUTE, PRIMITIVE = "Reroute", "PrimitiveNode"
MUTED, BYPASSED = 2, 4
WIDGETS = ("INT", "FLOAT", "STRING", "BOOLEAN", "COMBO")
AFTER_GENERATE = ("fixed", "increment", "decrement", "randomize")

Source = tuple[str, int] | None


def is_ui_format(content: Mapping[str, Any]) -> bool:
    """Whether the file came from Save, not from Export (API)."""
    return isinstance(content.get("nodes"), list)


def to_prompt(content: Mapping[str, Any], classes: Mapping[str, type]) -> Prompt:
    """UI or API format → API format, with titles in `_meta`.

    Muted nodes are left out with all that depends on them, bypassed ones hand on their first input of equal type.

    Raises:
        WorkflowError: no workflow, an unknown node, a subgraph, or broken links.
    """
    if is_ui_format(content):
        prompt = _Converter(content, classes).prompt()
    else:
        prompt = {str(key): value for key, value in content.items()}
        if not prompt or not all(isinstance(n, dict) and {"class_type", "inputs"} <= n.keys() for n in prompt.values()):
            raise WorkflowError("the file is no ComfyUI workflow: neither UI format nor API format.")
    for node_id, node in prompt.items():
        if node["class_type"] not in classes:
            title = node.get("_meta", {}).get("title", node["class_type"])
            raise WorkflowError(
                f"'{title}' (node {node_id}) is of type {node['class_type']}, which only ComfyUI itself or another "
                "pack has; run this workflow in ComfyUI, or remove the node."
            )
    return prompt


def widget_inputs(cls: type) -> list[tuple[str, str, dict[str, Any]]]:
    """(name, type, options) of the inputs that have a widget, in the order in which their values are saved."""
    found = []
    inputs = cls.INPUT_TYPES()
    for name, entry in [*inputs.get("required", {}).items(), *inputs.get("optional", {}).items()]:
        kind, options = entry[0], entry[1] if len(entry) > 1 else {}
        kind = "COMBO" if isinstance(kind, list) else kind
        if kind in WIDGETS and not options.get("forceInput"):
            found.append((name, kind, options))
    return found


class _Converter:
    """One pass over a UI-format file."""

    def __init__(self, content: Mapping[str, Any], classes: Mapping[str, type]) -> None:
        self._classes = classes
        self._nodes = {str(node["id"]): node for node in content["nodes"]}
        self._links = {link[0]: (str(link[1]), int(link[2])) for link in content.get("links", [])}

    def prompt(self) -> Prompt:
        drawn = {
            node_id: node
            for node_id, node in self._nodes.items()
            if node["type"] not in ONLY_DRAWN | {REROUTE, PRIMITIVE} and node.get("mode", 0) not in (MUTED, BYPASSED)
        }
        dead = {node_id for node_id, node in self._nodes.items() if node.get("mode", 0) == MUTED}
        prompt = {node_id: self._node(node_id, node) for node_id, node in drawn.items()}
        return _without(prompt, dead)

    def _node(self, node_id: str, node: Mapping[str, Any]) -> dict[str, Any]:
        cls = self._classes.get(node["type"])
        title = node.get("title") or getattr(cls, "TITLE", None) or DISPLAY_NAMES.get(node["type"], node["type"])
        inputs = self._widgets(node, cls) if cls else {}
        for entry in node.get("inputs", []):
            if entry.get("link") is not None:
                value = self._origin(entry["link"])
                if value is not None:
                    inputs[entry["name"]] = value
        return {"class_type": node["type"], "inputs": inputs, "_meta": {"title": title}}

    def _widgets(self, node: Mapping[str, Any], cls: type) -> dict[str, Any]:
        """Values are saved by position; a seed is followed by what becomes of it after a run."""
        values = node.get("widgets_values") or []
        if isinstance(values, dict):
            return {name: values[name] for name, _, _ in widget_inputs(cls) if name in values}
        waiting, found = list(values), {}
        for name, kind, options in widget_inputs(cls):
            if not waiting:
                break
            found[name] = waiting.pop(0)
            follows = kind == "INT" and (name in ("seed", "noise_seed") or options.get("control_after_generate"))
            if follows and waiting and waiting[0] in AFTER_GENERATE:
                waiting.pop(0)
        return found

    def _origin(self, link: int) -> Any:
        """What a link carries: [node id, output], or a value when it comes from a primitive node; None if nothing."""
        seen = set()
        while True:
            if link not in self._links or link in seen:
                raise WorkflowError(f"link {link} leads nowhere; open the workflow in ComfyUI and save it again.")
            seen.add(link)
            node_id, output = self._links[link]
            node = self._nodes.get(node_id)
            if node is None:
                raise WorkflowError(f"link {link} comes from node {node_id}, which is not in the file.")
            if node["type"] == PRIMITIVE:
                return (node.get("widgets_values") or [None])[0]
            onward = self._onward(node, output)
            if onward is False:
                return [node_id, output]
            if onward is None:
                return None
            link = onward

    def _onward(self, node: Mapping[str, Any], output: int) -> int | None | bool:
        """The link that a reroute or a bypassed node hands on; None if there is none, False for every other node."""
        if node["type"] == REROUTE:
            return next((entry.get("link") for entry in node.get("inputs", [])), None)
        if node.get("mode", 0) != BYPASSED:
            return False
        kind = node["outputs"][output]["type"]
        alike = [entry.get("link") for entry in node.get("inputs", []) if entry.get("type") == kind]
        # ComfyUI prefers the input at the output's own position, then the first one of the type.
        entries = node.get("inputs", [])
        if output < len(entries) and entries[output].get("type") == kind:
            return entries[output].get("link")
        return alike[0] if alike else None


def _without(prompt: Prompt, dead: set[str]) -> Prompt:
    """The graph without some nodes and without all that depends on them."""
    gone = set(dead)
    while True:
        more = {
            node_id
            for node_id, node in prompt.items()
            if node_id not in gone and any(isinstance(v, list) and v and v[0] in gone for v in node["inputs"].values())
        }
        if not more:
            return {node_id: node for node_id, node in prompt.items() if node_id not in gone}
        gone |= more
