"""A workflow as ComfyUI's API has it: nodes by id, each with a class and inputs that are values or links."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ..nodes.expansion import is_link

Node = dict[str, Any]
"""{'class_type': …, 'inputs': {name: value or [node id, output index]}, '_meta': {'title': …}}."""
Prompt = dict[str, Node]


class WorkflowError(ValueError):
    """A workflow that cannot run; the text names the node, the problem and the way out."""


def sources(node: Node) -> list[str]:
    """Ids of the nodes an API node takes its inputs from."""
    return [value[0] for value in node["inputs"].values() if is_link(value)]


def title_of(node: Node) -> str:
    """What a person calls a node that was queued; some files name none."""
    return node.get("_meta", {}).get("title") or node["class_type"]


def declared_inputs(cls: Any) -> dict[str, tuple[Any, dict[str, Any], bool]]:
    """Name → (type, options, whether it is required), in the order of the class."""
    groups = cls.INPUT_TYPES()
    return {
        name: (entry[0], entry[1] if len(entry) > 1 else {}, group == "required")
        for group in ("required", "optional")
        for name, entry in groups.get(group, {}).items()
    }


class Graph:
    """The nodes that were queued, and those that others have expanded to: what ComfyUI calls the dynamic prompt."""

    def __init__(self, prompt: Prompt) -> None:
        self.original_prompt = prompt
        self._nodes = dict(prompt)
        self._parents: dict[str, str] = {}

    def all_node_ids(self) -> set[str]:
        """Every node id."""
        return set(self._nodes)

    def has_node(self, node_id: str) -> bool:
        """Whether there is such a node."""
        return node_id in self._nodes

    def get_node(self, node_id: str) -> Node:
        """The node in API format. KeyError for an unknown id."""
        return self._nodes[node_id]

    def add(self, nodes: Prompt, parent: str) -> None:
        """Nodes that `parent` has expanded to."""
        self._nodes.update(nodes)
        self._parents.update(dict.fromkeys(nodes, parent))

    def get_parent_node_id(self, node_id: str) -> str | None:
        """The node that has expanded to this one."""
        return self._parents.get(node_id)

    def get_display_node_id(self, node_id: str) -> str:
        """The queued node a person sees this one as."""
        while node_id in self._parents:
            node_id = self._nodes[node_id].get("override_display_id", self._parents[node_id])
        return node_id

    def title(self, node_id: str) -> str:
        """What a person calls the node."""
        shown = self.get_display_node_id(node_id)
        return f"'{title_of(self._nodes[shown])}' (node {shown})"

    def reachable(self, targets: Iterable[str]) -> list[str]:
        """All that the targets depend on, and themselves; a node comes before those it depends on."""
        found, waiting = {}, list(targets)
        while waiting:
            node_id = waiting.pop()
            if node_id not in found and node_id in self._nodes:
                found[node_id] = None
                waiting.extend(sources(self._nodes[node_id]))
        return list(found)
