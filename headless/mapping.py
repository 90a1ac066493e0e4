"""Calling a node on lists, as ComfyUI does: every output is a list, usually of one value.

A node runs once for each element of its longest input, shorter inputs repeating their last element, unless it says
INPUT_IS_LIST and takes the lists whole. An output marked in OUTPUT_IS_LIST is itself a list and is joined.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from .graph import Prompt, is_link

Outputs = list[list[Any]]
"""One list of values per output socket."""


@dataclass
class Answer:
    """What the calls of one node gave.

    results: per call, the values of the outputs, or for a call that expanded a tuple of values and links.
    expansions: per call, the nodes it expanded to, or None.
    ui: what the node shows.
    """

    results: list[Sequence[Any]] = field(default_factory=list)
    expansions: list[Prompt | None] = field(default_factory=list)
    ui: dict[str, list[Any]] = field(default_factory=dict)

    @property
    def expanded(self) -> bool:
        """Whether any call gave nodes instead of values."""
        return any(new is not None for new in self.expansions)


def call_node(cls: Any, node: Any, inputs: Mapping[str, list[Any]]) -> Answer:
    """Run `node`, an instance of `cls`, on lists of inputs."""
    function = getattr(node, cls.FUNCTION)
    if getattr(cls, "INPUT_IS_LIST", False):
        return read_answers([function(**inputs)])
    count = max((len(values) for values in inputs.values()), default=1)
    calls = ({name: values[min(i, len(values) - 1)] for name, values in inputs.items()} for i in range(count))
    return read_answers([function(**arguments) for arguments in calls])


def read_answers(returned: Sequence[Any]) -> Answer:
    """Tuples, or dictionaries with 'result', 'ui' and 'expand', into one answer."""
    answer, shown = Answer(), []
    for value in returned:
        if not isinstance(value, dict):
            value = {"result": value}
        if "ui" in value:
            shown.append(value["ui"])
        if "result" in value or "expand" in value:
            answer.results.append(value.get("result") or ())
            answer.expansions.append(value.get("expand"))
    if shown:
        answer.ui = {key: [item for ui in shown for item in ui[key]] for key in shown[0]}
    return answer


def join(cls: Any, results: Sequence[Sequence[Any]]) -> Outputs:
    """The results of all calls, one list per output socket."""
    if not results:
        return []
    is_list = getattr(cls, "OUTPUT_IS_LIST", None) or [False] * len(results[0])
    return [
        [item for result in results for item in (result[index] if whole else [result[index]])]
        for index, whole in zip(range(len(results[0])), is_list, strict=False)
    ]


def resolve(answer: Answer, outputs: Callable[[str, int], list[Any]]) -> list[Sequence[Any]]:
    """The results of an expanded node, its links replaced by what `outputs(node id, socket)` holds."""
    resolved: list[Sequence[Any]] = []
    for result, new in zip(answer.results, answer.expansions, strict=True):
        if new is None:
            resolved.append(result)
            continue
        resolved.append([item for value in result for item in (outputs(*value) if is_link(value) else [value])])
    return resolved
