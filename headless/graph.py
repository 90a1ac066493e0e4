"""A workflow as ComfyUI's API has it: nodes by id, each with a class and inputs that are values or links."""

from __future__ import annotations

from typing import Any

Node = dict[str, Any]
"""{'class_type': …, 'inputs': {name: value or [node id, output index]}, '_meta': {'title': …}}."""
Prompt = dict[str, Node]


class WorkflowError(ValueError):
    """A workflow that cannot run; the text names the node, the problem and the way out."""


def is_link(value: object) -> bool:
    """Whether an input's value is another node's output."""
    return isinstance(value, list) and len(value) == 2 and isinstance(value[0], str) and isinstance(value[1], int)


def sources(node: Node) -> list[str]:
    """Ids of the nodes an API node takes its inputs from."""
    return [value[0] for value in node["inputs"].values() if is_link(value)]


class Graph:
    """The nodes that were queued, and those that others have expanded to: what ComfyUI calls the dynamic prompt."""

    def __init__(self, prompt: Prompt) -> None:
        self.original_prompt = prompt
        self._nodes = dict(prompt)

    def all_node_ids(self) -> set[str]:
        """Every node id."""
        return set(self._nodes)

    def has_node(self, node_id: str) -> bool:
        """Whether there is such a node."""
        return node_id in self._nodes

    def get_node(self, node_id: str) -> Node:
        """The node in API format. KeyError for an unknown id."""
        return self._nodes[node_id]

    def add(self, nodes: Prompt) -> None:
        """Nodes that another node has expanded to."""
        self._nodes.update(nodes)

    def title(self, node_id: str) -> str:
        """What a person calls the node."""
        node = self._nodes[node_id]
        shown = node.get("override_display_id", node_id)
        title = self._nodes.get(shown, node).get("_meta", {}).get("title") or node["class_type"]
        return f"'{title}' (node {shown})"
