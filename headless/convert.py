"""From the file a person saves in ComfyUI's editor (UI format) to the graph that runs (API format)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from ..nodes import NODE_DISPLAY_NAME_MAPPINGS as DISPLAY_NAMES
from .check import WRAPPED, fits
from .graph import Prompt, WorkflowError, declared_inputs, is_link
from .widgets import read_widgets

ONLY_DRAWN = {"Note", "MarkdownNote"}
REROUTE, PRIMITIVE = "Reroute", "PrimitiveNode"
MUTED, BYPASSED = 2, 4
SUBGRAPH = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
GROUP_NODE = ("workflow>", "workflow/")


def is_ui_format(content: Mapping[str, Any]) -> bool:
    """Whether the file came from Save, not from Export (API)."""
    return isinstance(content.get("nodes"), list)


def to_prompt(content: Mapping[str, Any], classes: Mapping[str, type]) -> Prompt:
    """UI or API format → API format, with titles in `_meta`.

    Muted nodes are left out with all that needs them, bypassed ones hand on their first input that fits.

    Raises:
        WorkflowError: no workflow, an unknown node, a subgraph, widgets that do not fit, or broken links.
    """
    if is_ui_format(content):
        return _Converter(content, classes).prompt()
    prompt = {str(key): dict(value) if isinstance(value, dict) else value for key, value in content.items()}
    if not prompt or not all(isinstance(n, dict) and isinstance(n.get("inputs"), dict) for n in prompt.values()):
        raise WorkflowError("the file is no ComfyUI workflow: neither UI format nor API format.")
    for node_id, node in prompt.items():
        node["_meta"] = node["_meta"] if isinstance(node.get("_meta"), dict) else {}
        _known(str(node.get("class_type")), node["_meta"].get("title"), node_id, classes)
    return prompt


def _known(kind: str, title: str | None, node_id: str, classes: Mapping[str, type]) -> None:
    """Raise WorkflowError for a node that is not ours."""
    if kind in classes:
        return
    if SUBGRAPH.fullmatch(kind) or kind.startswith(GROUP_NODE):
        raise WorkflowError(
            f"'{title or kind}' (node {node_id}) is a subgraph, which only ComfyUI can run; unpack it there and save."
        )
    raise WorkflowError(
        f"'{title or kind}' (node {node_id}) is of type {kind}, which only ComfyUI or another pack has; run this "
        "workflow in ComfyUI, or remove the node."
    )


class _Converter:
    """One pass over a UI-format file."""

    def __init__(self, content: Mapping[str, Any], classes: Mapping[str, type]) -> None:
        self._classes = classes
        try:
            self._nodes = {str(node["id"]): node for node in content["nodes"]}
            self._links = dict(map(_link, content.get("links", [])))
        except (KeyError, TypeError, IndexError, ValueError) as error:
            raise WorkflowError(f"the file is no whole ComfyUI workflow ({error!r}); save it again there.") from error

    def prompt(self) -> Prompt:
        prompt: Prompt = {}
        for node_id, node in self._nodes.items():
            virtual = node.get("type") in (*ONLY_DRAWN, REROUTE, PRIMITIVE)
            if not virtual and node.get("mode", 0) not in (MUTED, BYPASSED):
                prompt[node_id] = self._node(node_id, node)
        self._drop_muted(prompt)
        return prompt

    def _node(self, node_id: str, node: Mapping[str, Any]) -> dict[str, Any]:
        kind = str(node.get("type"))
        _known(kind, node.get("title"), node_id, self._classes)
        cls = self._classes[kind]
        title = node.get("title") or getattr(cls, "TITLE", None) or DISPLAY_NAMES.get(kind, kind)
        saved = node.get("widgets_values") or []
        if not isinstance(saved, list):
            raise WorkflowError(f"'{title}' (node {node_id}) has no list of widget values; save it again in ComfyUI.")
        inputs = read_widgets(cls, saved, f"'{title}' (node {node_id})")
        for index, entry in enumerate(node.get("inputs") or []):
            value = self._input(node_id, index, entry.get("type"), set())
            if value is not None:
                inputs[entry["name"]] = value
        return {"class_type": kind, "inputs": inputs, "_meta": {"title": title}}

    def _input(self, node_id: str, index: int, kind: Any, seen: set[tuple[str, int]]) -> Any:
        """What feeds an input socket: a link, the value of a primitive node, or None."""
        entries = self._nodes[node_id].get("inputs") or []
        link = entries[index].get("link") if index < len(entries) else None
        if link is None:
            return None
        if link not in self._links or self._links[link][0] not in self._nodes:
            raise WorkflowError(f"link {link} leads nowhere; open the workflow in ComfyUI and save it again.")
        return self._output(*self._links[link], kind, seen)

    def _output(self, node_id: str, socket: int, kind: Any, seen: set[tuple[str, int]]) -> Any:
        if (node_id, socket) in seen:
            raise WorkflowError(f"node {node_id} feeds itself through reroutes or bypassed nodes; remove the ring.")
        seen.add((node_id, socket))
        node = self._nodes[node_id]
        if node.get("mode", 0) == BYPASSED:
            index = _bypass(node, socket, kind)
            return None if index is None else self._input(node_id, index, node["inputs"][index].get("type"), seen)
        if node.get("type") == REROUTE:
            return self._input(node_id, 0, kind, seen)
        if node.get("type") == PRIMITIVE:
            value = next(iter(node.get("widgets_values") or []), None)
            return {WRAPPED: value} if isinstance(value, list) else value
        return [node_id, socket]

    def _drop_muted(self, prompt: Prompt) -> None:
        """Links from muted nodes vanish; a node that cannot do without one goes too, and so on."""
        gone = {node_id for node_id, node in self._nodes.items() if node.get("mode", 0) == MUTED}
        while gone:
            lost: set[str] = set()
            for node_id, node in prompt.items():
                cut = [name for name, value in node["inputs"].items() if is_link(value) and value[0] in gone]
                declared = declared_inputs(self._classes[node["class_type"]])
                if any(declared[name][2] for name in cut if name in declared):
                    lost.add(node_id)
                for name in cut:
                    del node["inputs"][name]
            for node_id in lost:
                del prompt[node_id]
            gone = lost


def _link(link: Any) -> tuple[Any, tuple[str, int]]:
    """A saved link, in either form → its id and where it comes from."""
    if isinstance(link, dict):
        return link["id"], (str(link["origin_id"]), int(link["origin_slot"]))
    return link[0], (str(link[1]), int(link[2]))


def _bypass(node: Mapping[str, Any], socket: int, wanted: Any) -> int | None:
    """Which input a bypassed node hands on for an output: the one beside it if it fits, else the first that does."""
    inputs = [entry.get("type") for entry in node.get("inputs") or []]
    outputs = node.get("outputs") or []
    if not inputs or socket >= len(outputs):
        return None
    given = outputs[socket].get("type")
    if wanted in ("*", "", None):
        return socket if socket < len(inputs) else 0
    if socket < len(inputs) and fits(inputs[socket], given) and fits(inputs[socket], wanted):
        return socket
    if wanted in inputs:
        return inputs.index(wanted)
    return next((i for i, kind in enumerate(inputs) if fits(kind, given) and fits(kind, wanted)), None)
