"""Unrolling a loop on the canvas: copies of its body, chained by the one value it carries."""

from __future__ import annotations

from collections import defaultdict, deque
from typing import Any, Protocol

Link = list[Any]
"""[node id, output index], as in an API-format workflow."""


class DynamicPrompt(Protocol):
    """The graph as ComfyUI hands it to a node: what was queued and what other nodes have expanded to."""

    def all_node_ids(self) -> set[str]:
        """Every node id."""
        ...

    def get_node(self, node_id: str) -> dict[str, Any]:
        """The node in API format."""
        ...

    def get_parent_node_id(self, node_id: str) -> str | None:
        """The node that has expanded to this one; None when it was queued."""
        ...


def is_link(value: object) -> bool:
    """Whether an input's value is the output of another node."""
    return isinstance(value, list) and len(value) == 2 and isinstance(value[0], str) and isinstance(value[1], int)


def loop_body(prompt: DynamicPrompt, opening: str, closing: str) -> list[str]:
    """Ids of the nodes that must run in every round, sorted.

    All that depends on the opening node, but not on the closing one: the way from one to the other, and what hangs on
    it, such as previews. What a loop inside the body has expanded to by now is made anew by the copy of that loop.
    """
    level = prompt.get_parent_node_id(closing)
    followers: defaultdict[str, set[str]] = defaultdict(set)
    for node_id in prompt.all_node_ids():
        if prompt.get_parent_node_id(node_id) != level:
            continue
        for value in prompt.get_node(node_id)["inputs"].values():
            if is_link(value):
                followers[value[0]].add(node_id)
    return sorted(_reach(followers, opening) - _reach(followers, closing) - {closing})


def _reach(followers: dict[str, set[str]], start: str) -> set[str]:
    found: set[str] = set()
    waiting = deque([start])
    while waiting:
        new = followers.get(waiting.popleft(), set()) - found
        found |= new
        waiting.extend(new)
    return found


def unroll(
    prompt: DynamicPrompt, opening: str, closing: str, rounds: int, output: int, carried: str
) -> tuple[dict[str, Any], str]:
    """`rounds` further copies of the loop's body and a copy of the closing node after them.

    Args:
        opening, closing: node ids of the loop's ends.
        output: index of the opening node's output with the carried value.
        carried: name of the closing node's input with the carried value.

    Returns:
        The nodes in API format, by ids that depend on the closing node's alone; and the id of the new closing node.
    """
    body = loop_body(prompt, opening, closing)
    end = prompt.get_node(closing)
    source: Link = end["inputs"][carried]
    value, nodes = source, {}
    for number in range(rounds):
        copies = {node_id: f"{closing}.{number}.{node_id}" for node_id in body}

        def moved(link: Any, copies: dict[str, str] = copies, value: Link = value) -> Any:
            if not is_link(link):
                return link
            if link == [opening, output]:
                return value
            return [copies.get(link[0], link[0]), link[1]]

        for node_id, copy in copies.items():
            original = prompt.get_node(node_id)
            inputs = {name: moved(link) for name, link in original["inputs"].items()}
            nodes[copy] = {"class_type": original["class_type"], "inputs": inputs, "override_display_id": node_id}
        value = moved(source)
    last = f"{closing}.end"
    inputs = {**end["inputs"], carried: value}
    nodes[last] = {"class_type": end["class_type"], "inputs": inputs, "override_display_id": closing}
    return nodes, last
