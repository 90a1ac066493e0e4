"""Runs a graph: every output node, and before it all it depends on, each node once; expansions included."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from PIL import Image

from .check import check_node
from .graph import Graph, Prompt, WorkflowError, is_link, sources
from .mapping import Answer, Outputs, call_node, join, resolve

OnNode = Callable[[str, dict[str, Any]], None]
"""(title of the node, what it shows)."""
NODE_ERRORS = (ValueError, TypeError, OSError, RuntimeError, Image.DecompressionBombError)


@dataclass
class Outcome:
    """values: each node's outputs, a list per socket. shown: what each node shows (`ui`), by id, as they ran."""

    values: dict[str, Outputs] = field(default_factory=dict)
    shown: dict[str, dict[str, Any]] = field(default_factory=dict)


class Executor:
    """One run of one graph.

    Args:
        prompt: API format. classes: node classes by id. extra_pnginfo: what SaveImage writes beside the prompt.
        on_node: told about every node that shows something, at once. on_start: told the title of a node that starts.
    """

    def __init__(
        self,
        prompt: Prompt,
        classes: Mapping[str, type],
        extra_pnginfo: Mapping[str, Any] | None = None,
        on_node: OnNode | None = None,
        on_start: Callable[[str], None] | None = None,
    ) -> None:
        self.graph, self.classes, self.outcome = Graph(prompt), classes, Outcome()
        self._extra, self._on_node, self._on_start = extra_pnginfo, on_node, on_start
        self._expanded: dict[str, Answer] = {}
        self._waits_for: dict[str, list[str]] = {}

    def run(self) -> Outcome:
        """Run all output nodes; what none of them needs is neither checked nor run.

        Raises:
            WorkflowError: nothing to run, a ring of links, wrong inputs, or an error inside a node, with its name.
        """
        outputs = [node_id for node_id in self.graph.original_prompt if self._is_output(node_id)]
        if not outputs:
            raise WorkflowError("the workflow has no output node; add Save Image, Preview Image or PSNR Meter.")
        for node_id in reversed(self.graph.reachable(outputs)):
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
            missing = next((source for source in self._needs(node_id) if source not in self.outcome.values), None)
            if missing is None:
                if self._finish(node_id):
                    open_ids.discard(stack.pop())
                continue
            if missing in open_ids:
                raise WorkflowError(f"{self.graph.title(node_id)} depends on itself; remove a link of the ring.")
            stack.append(missing)
            open_ids.add(missing)

    def _needs(self, node_id: str) -> list[str]:
        if node_id in self.outcome.values:
            return []
        return self._waits_for[node_id] if node_id in self._expanded else sources(self.graph.get_node(node_id))

    def _finish(self, node_id: str) -> bool:
        """Run a node whose inputs are there, or collect what its expansion gave; False when it has just expanded."""
        if node_id in self.outcome.values:
            return True
        cls = self.classes[self.graph.get_node(node_id)["class_type"]]
        if node_id in self._expanded:
            results = resolve(self._expanded.pop(node_id), self._output)
            self.outcome.values[node_id] = join(cls, results)
            return True
        answer = self._call(node_id, cls)
        if answer.ui:
            self.outcome.shown[node_id] = answer.ui
            if self._on_node is not None:
                self._on_node(self.graph.title(node_id), answer.ui)
        if answer.expanded:
            self._expand(node_id, answer)
            return False
        self.outcome.values[node_id] = join(cls, answer.results)
        return True

    def _expand(self, node_id: str, answer: Answer) -> None:
        """New nodes are not checked, as in ComfyUI: the node that made them knows what it does."""
        waits_for = []
        for new, result in zip(answer.expansions, answer.results, strict=True):
            if new is None:
                continue
            unknown = {node["class_type"] for node in new.values()} - self.classes.keys()
            if unknown:
                raise WorkflowError(f"{self.graph.title(node_id)} expands to the unknown node {sorted(unknown)[0]}.")
            self.graph.add(new, node_id)
            waits_for += [link[0] for link in result if is_link(link)] + [
                child for child in new if self._is_output(child)
            ]
        self._expanded[node_id], self._waits_for[node_id] = answer, waits_for

    def _output(self, node_id: str, socket: int) -> list[Any]:
        return self.outcome.values[node_id][socket]

    def _call(self, node_id: str, cls: Any) -> Answer:
        if self._on_start is not None:
            self._on_start(self.graph.title(node_id))
        try:
            return call_node(cls, cls(), self._inputs(node_id, cls))
        except WorkflowError:
            raise
        except NODE_ERRORS as error:
            raise WorkflowError(f"{self.graph.title(node_id)}: {error}") from error

    def _inputs(self, node_id: str, cls: Any) -> dict[str, list[Any]]:
        groups = cls.INPUT_TYPES()
        known = {**groups.get("required", {}), **groups.get("optional", {})}
        inputs = {
            name: self._output(*value) if is_link(value) else [value]
            for name, value in self.graph.get_node(node_id)["inputs"].items()
            if name in known or is_link(value)
        }
        for name, kind in groups.get("hidden", {}).items():
            inputs[name] = [self._hidden(kind, node_id)]
        return inputs

    def _hidden(self, kind: str, node_id: str) -> Any:
        return {
            "UNIQUE_ID": node_id,
            "PROMPT": self.graph.original_prompt,
            "DYNPROMPT": self.graph,
            "EXTRA_PNGINFO": self._extra,
        }.get(kind)
