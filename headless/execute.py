"""Runs a graph: every output node, and before it all it depends on, each node once; expansions included."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch

from .check import check_node
from .graph import Graph, Prompt, WorkflowError, is_link, sources

OnNode = Callable[[str, dict[str, Any]], None]
"""(title of the node, what it shows)."""


@dataclass
class Outcome:
    """values: each node's outputs. shown: what each node shows (`ui`), by id, in the order in which they ran."""

    values: dict[str, tuple[Any, ...]] = field(default_factory=dict)
    shown: dict[str, dict[str, Any]] = field(default_factory=dict)


class Executor:
    """One run of one graph.

    Args:
        prompt: API format. classes: node classes by id. extra_pnginfo: what SaveImage writes beside the prompt.
        on_node: told about every node that shows something, at once.
    """

    def __init__(
        self,
        prompt: Prompt,
        classes: Mapping[str, type],
        extra_pnginfo: Mapping[str, Any] | None = None,
        on_node: OnNode | None = None,
    ) -> None:
        self.graph, self.classes, self.outcome = Graph(prompt), classes, Outcome()
        self._extra, self._on_node = extra_pnginfo, on_node
        self._expanded: dict[str, tuple[Any, ...]] = {}
        self._children: dict[str, list[str]] = {}

    def run(self) -> Outcome:
        """Run all output nodes.

        Raises:
            WorkflowError: nothing to run, a loop of links, wrong inputs, or an error inside a node, with its name.
        """
        outputs = [node_id for node_id in self.graph.original_prompt if self._is_output(node_id)]
        if not outputs:
            raise WorkflowError("the workflow has no output node; add Save Image, Preview Image or PSNR Meter.")
        for node_id in self.graph.original_prompt:
            check_node(self.graph, node_id, self.classes)
        with torch.inference_mode():
            for node_id in outputs:
                self._compute(node_id)
        return self.outcome

    def _is_output(self, node_id: str) -> bool:
        return bool(getattr(self.classes[self.graph.get_node(node_id)["class_type"]], "OUTPUT_NODE", False))

    def _compute(self, target: str) -> None:
        """Depth first, with a stack of our own: unrolled loops are deeper than Python's."""
        stack, open_ids = [target], {target}
        while stack:
            node_id = stack[-1]
            missing = [source for source in self._needs(node_id) if source not in self.outcome.values]
            if node_id in self.outcome.values or not missing:
                if node_id not in self.outcome.values and not self._finish(node_id):
                    continue  # it has expanded: its children come first
                open_ids.discard(stack.pop())
                continue
            if missing[0] in open_ids:
                raise WorkflowError(
                    f"{self.graph.title(node_id)} depends on itself; remove one of the links in the ring."
                )
            stack.append(missing[0])
            open_ids.add(missing[0])

    def _needs(self, node_id: str) -> list[str]:
        if node_id in self._expanded:
            return [link[0] for link in self._expanded[node_id] if is_link(link)] + self._children[node_id]
        return sources(self.graph.get_node(node_id))

    def _finish(self, node_id: str) -> bool:
        """Run a node whose inputs are there, or collect what its expansion gave; False when it has just expanded."""
        if node_id in self._expanded:
            self.outcome.values[node_id] = tuple(
                self.outcome.values[v[0]][v[1]] if is_link(v) else v for v in self._expanded[node_id]
            )
            return True
        answer = self._call(node_id)
        if isinstance(answer, dict):
            if answer.get("ui"):
                self._show(node_id, answer["ui"])
            if "expand" in answer:
                self._expand(node_id, answer)
                return False
            answer = answer.get("result", ())
        self.outcome.values[node_id] = tuple(answer)
        return True

    def _expand(self, node_id: str, answer: dict[str, Any]) -> None:
        new = answer["expand"]
        self.graph.add(new)
        for child in new:
            if new[child]["class_type"] not in self.classes:
                raise WorkflowError(
                    f"{self.graph.title(node_id)} expands to the unknown node {new[child]['class_type']}."
                )
            check_node(self.graph, child, self.classes)
        self._expanded[node_id] = tuple(answer["result"])
        self._children[node_id] = [child for child in new if self._is_output(child)]

    def _call(self, node_id: str) -> Any:
        node = self.graph.get_node(node_id)
        cls = self.classes[node["class_type"]]
        inputs = {
            name: self.outcome.values[value[0]][value[1]] if is_link(value) else value
            for name, value in node["inputs"].items()
        }
        declared = cls.INPUT_TYPES()
        known = {**declared.get("required", {}), **declared.get("optional", {})}
        inputs = {name: value for name, value in inputs.items() if name in known}
        for name, kind in declared.get("hidden", {}).items():
            inputs[name] = self._hidden(kind, node_id)
        try:
            return getattr(cls(), cls.FUNCTION)(**inputs)
        except WorkflowError:
            raise
        except (ValueError, TypeError, OSError, RuntimeError) as error:
            raise WorkflowError(f"{self.graph.title(node_id)}: {error}") from error

    def _hidden(self, kind: str, node_id: str) -> Any:
        return {
            "UNIQUE_ID": node_id,
            "PROMPT": self.graph.original_prompt,
            "DYNPROMPT": self.graph,
            "EXTRA_PNGINFO": self._extra,
        }.get(kind)

    def _show(self, node_id: str, ui: dict[str, Any]) -> None:
        self.outcome.shown[node_id] = ui
        if self._on_node is not None:
            self._on_node(self.graph.title(node_id), ui)
