"""Inputs of a node before anything runs: complete, of the right type, within their ranges, as ComfyUI checks them."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

from .graph import Graph, WorkflowError, declared_inputs, is_link

CONVERT = {"INT": int, "FLOAT": float, "STRING": str, "BOOLEAN": bool}
WRAPPED = "__value__"
"""Key around a value that is itself a list, so that it is not taken for a link."""


def check_node(graph: Graph, node_id: str, classes: Mapping[str, type]) -> None:
    """Convert plain values to their declared type, and refuse what ComfyUI refuses when a workflow is queued.

    Raises:
        WorkflowError: an input is missing, of the wrong type, out of range, or refused by the node itself.
    """
    node, title = graph.get_node(node_id), graph.title(node_id)
    cls = classes[node["class_type"]]
    asked, asks_all = _validated_names(cls)
    received: dict[str, Any] = {}
    for name, (kind, options, required) in declared_inputs(cls).items():
        where = f"{title}: input '{name}'"
        if name not in node["inputs"]:
            if required:
                raise WorkflowError(f"{where} is missing; connect it or give it a value.")
            continue
        value = node["inputs"][name]
        if isinstance(value, list):
            received[name] = _link_type(graph, value, classes, where)
            if "input_types" not in asked and not fits(received[name], kind):
                raise WorkflowError(f"{where} needs {_word(kind)}, but {_word(received[name])} is connected.")
            continue
        value = node["inputs"][name] = _convert(value, kind, where)
        if name not in asked and not asks_all:
            _check_range(value, kind, options, where)
    _ask_the_class(cls, node["inputs"], asked, asks_all, received, title)


def fits(given: Any, wanted: Any) -> bool:
    """Whether an output of one type may feed an input of another; types are names, 'A,B' unions, '*' or lists."""
    if given == wanted or "*" in (given, wanted):
        return True
    if isinstance(given, list) and wanted == "COMBO":
        return True
    if not isinstance(given, str) or not isinstance(wanted, str):
        return False
    left, right = ({word.strip() for word in kind.split(",")} for kind in (given, wanted))
    return bool(left & right) or "*" in left | right


def _word(kind: Any) -> str:
    return "one of a list" if isinstance(kind, list) else str(kind)


def _link_type(graph: Graph, link: list[Any], classes: Mapping[str, type], where: str) -> Any:
    if not is_link(link):
        raise WorkflowError(f"{where} is a list; a link must be [node id, output number].")
    source, output = link
    if not graph.has_node(source):
        raise WorkflowError(f"{where} comes from node {source}, which is not in the workflow.")
    given = getattr(classes[graph.get_node(source)["class_type"]], "RETURN_TYPES", ())
    if not 0 <= output < len(given):
        raise WorkflowError(f"{where} comes from output {output} of {graph.title(source)}, which has {len(given)}.")
    return given[output]


def _convert(value: Any, kind: Any, where: str) -> Any:
    if isinstance(value, dict) and WRAPPED in value:
        value = value[WRAPPED]
    if not isinstance(kind, str) or kind not in CONVERT:
        return value
    try:
        return CONVERT[kind](value)
    except (TypeError, ValueError, OverflowError) as error:  # the last: infinity is no whole number
        raise WorkflowError(f"{where} must be of type {kind}, got {value!r}.") from error


def _check_range(value: Any, kind: Any, options: Mapping[str, Any], where: str) -> None:
    if "min" in options and value < options["min"]:
        raise WorkflowError(f"{where} is {value}, but must be at least {options['min']}.")
    if "max" in options and value > options["max"]:
        raise WorkflowError(f"{where} is {value}, but must be at most {options['max']}.")
    choices = kind if isinstance(kind, list) else options.get("options", []) if kind == "COMBO" else None
    if choices is not None and value not in choices:
        raise WorkflowError(f"{where} is {value!r}; choose one of {', '.join(map(str, choices))}.")


def _validated_names(cls: type) -> tuple[set[str], bool]:
    """What VALIDATE_INPUTS asks for by name, and whether it asks for everything."""
    function = getattr(cls, "VALIDATE_INPUTS", None)
    if function is None:
        return set(), False
    parameters = inspect.signature(function).parameters.values()
    named = {p.name for p in parameters if p.kind is not p.VAR_KEYWORD}
    return named, any(p.kind is p.VAR_KEYWORD for p in parameters)


def _ask_the_class(
    cls: Any, inputs: Mapping[str, Any], asked: set[str], asks_all: bool, received: Mapping[str, Any], title: str
) -> None:
    """VALIDATE_INPUTS sees constants only; what is linked is None."""
    if not asked and not asks_all:
        return
    known = [name for name in declared_inputs(cls) if name in inputs and (asks_all or name in asked)]
    arguments: dict[str, Any] = {name: None if is_link(inputs[name]) else inputs[name] for name in known}
    if "input_types" in asked:
        arguments["input_types"] = dict(received)
    answer = cls.VALIDATE_INPUTS(**arguments)
    if answer is not True:
        raise WorkflowError(f"{title}: {answer or 'its inputs do not fit together'}")
