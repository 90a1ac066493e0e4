"""Graphs of the denoising loop, and a stand-in for ComfyUI's executor that runs them."""

from __future__ import annotations

from collections import Counter
from typing import Any

import torch
from realdenoise.imaging.level import Level
from realdenoise.models.contract import Spec
from realdenoise.nodes import NODE_CLASS_MAPPINGS
from realdenoise.nodes.expansion import is_link


def api(class_type: str, **inputs: Any) -> dict[str, Any]:
    """A node of this pack in API format."""
    return {"class_type": "RealDenoise" + class_type, "inputs": inputs}


class Executor:
    """Runs graphs; like ComfyUI it keys results by class, constants and the keys of all inputs, never by node id."""

    def __init__(self, graph: dict[str, dict[str, Any]], **classes: type) -> None:
        self.classes = {**NODE_CLASS_MAPPINGS, **classes}
        self.cache: dict[Any, tuple[Any, ...]] = {}
        self.ran: Counter[str] = Counter()
        self.queue(graph)

    def queue(self, graph: dict[str, dict[str, Any]]) -> Executor:
        """The next graph; the cache stays. `ran` counts afresh by class."""
        self.graph, self.ran, self.parents = dict(graph), Counter(), {}
        return self

    def all_node_ids(self) -> set[str]:
        """See `DynamicPrompt`."""
        return set(self.graph)

    def get_node(self, node_id: str) -> dict[str, Any]:
        """See `DynamicPrompt`."""
        return self.graph[node_id]

    def get_parent_node_id(self, node_id: str) -> str | None:
        """See `DynamicPrompt`."""
        return self.parents.get(node_id)

    def key(self, node_id: str) -> Any:
        """What a node's result depends on."""
        node = self.graph[node_id]
        inputs = sorted(node["inputs"].items())
        known = [(name, (self.key(v[0]), v[1]) if is_link(v) else repr(v)) for name, v in inputs]
        return (node["class_type"], tuple(known), node_id if "hidden" in self._inputs(node) else None)

    def _inputs(self, node: dict[str, Any]) -> dict[str, Any]:
        return self.classes[node["class_type"]].INPUT_TYPES()

    def output(self, node_id: str, index: int = 0) -> Any:
        """One output of one node, running what is needed."""
        key = self.key(node_id)
        if key not in self.cache:
            self.cache[key] = self._run(node_id)
        return self.cache[key][index]

    def _run(self, node_id: str) -> tuple[Any, ...]:
        node = self.graph[node_id]
        cls = self.classes[node["class_type"]]
        declared = cls.INPUT_TYPES()
        widgets = {**declared.get("required", {}), **declared.get("optional", {})}
        values = {name: entry[1]["default"] for name, entry in widgets.items() if "default" in entry[1]}
        values |= {name: self.output(*v) if is_link(v) else v for name, v in node["inputs"].items()}
        hidden = {"DYNPROMPT": self, "UNIQUE_ID": node_id}
        values |= {name: hidden[kind] for name, kind in declared.get("hidden", {}).items()}
        self.ran[cls.__name__] += 1
        result = getattr(cls(), cls.FUNCTION)(**values)
        if not isinstance(result, dict):
            return result
        self.graph.update(result.get("expand", {}))
        self.parents.update(dict.fromkeys(result.get("expand", {}), node_id))
        for new in result.get("expand", {}):
            if getattr(self.classes[self.graph[new]["class_type"]], "OUTPUT_NODE", False):
                self.output(new)
        return tuple(self.output(*v) if is_link(v) else v for v in result["result"])


SCHEDULERS = {
    "DDPMScheduler": {"steps": 4},
    "DDIMScheduler": {"steps": 4, "eta": 0.5},
    "InterpolationScheduler": {"steps": 4},
    "LangevinScheduler": {"levels": 2, "steps_per_level": 2},
    "EDMScheduler": {"levels": 3},
    "HeatScheduler": {"steps": 4, "iterations": 8},
}


class Shrink:
    """A denoiser that depends on everything it is told."""

    spec = Spec(name="shrink", architecture="Shrink", classes=3)

    def __call__(self, image, level=Level(), monitor=None):
        sigma = 0.0 if level.sigma is None else torch.as_tensor(level.sigma)
        return 0.3 + 0.4 * image / (1 + sigma) + 0.1 * (-1 if level.condition is None else level.condition)


class GiveDenoiser:
    FUNCTION = "give"
    INPUT_TYPES = staticmethod(lambda: {})

    def give(self):
        return (Shrink(),)


class GivePicture(GiveDenoiser):
    def give(self):
        return (torch.rand(2, 5, 6, 3, generator=torch.Generator().manual_seed(1)),)


class Look:
    """An output node, like a preview: remembers what it was shown."""

    FUNCTION = "look"
    OUTPUT_NODE = True
    seen: list[torch.Tensor] = []
    INPUT_TYPES = staticmethod(lambda: {"required": {"images": ("IMAGE", {})}})

    def look(self, images):
        Look.seen.append(images)
        return (None,)


def begun(scheduler, **settings):
    """The nodes that every graph here begins with; state is output 0 of node 'start'."""
    return {
        "denoiser": {"class_type": "GiveDenoiser", "inputs": {}},
        "picture": {"class_type": "GivePicture", "inputs": {}},
        "scheduler": api(scheduler, **{**SCHEDULERS.get(scheduler, {}), **settings}),
        "start": api("StartDenoising", scheduler=["scheduler", 0], sigma=40.0, seed=5, image=["picture", 0]),
    }


def round_of(name, state):
    """Predict and step, as nodes 'p{name}' and 's{name}'."""
    return {
        f"p{name}": api("PredictClean", denoiser=["denoiser", 0], state=state),
        f"s{name}": api("SchedulerStep", state=state, clean=[f"p{name}", 0]),
    }


def executor(graph, **more):
    return Executor(graph, GiveDenoiser=GiveDenoiser, GivePicture=GivePicture, Look=Look, **more)


def by_hand(scheduler, steps):
    graph, state = begun(scheduler), ["start", 0]
    for number in range(steps):
        graph |= round_of(number, state)
        state = [f"s{number}", 0]
    return graph


def whole(scheduler):
    graph = begun(scheduler) | {"loop": api("SampleLoop", denoiser=["denoiser", 0], state=["start", 0])}
    return executor(graph)
