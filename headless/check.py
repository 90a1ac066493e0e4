"""Inputs of a node before it runs: complete, of the right type, within their ranges — as ComfyUI checks them."""

from __future__ import annotations

import inspect
import math
from collections.abc import Mapping
from typing import Any

from .graph import Graph, WorkflowError, is_link

CONVERT = {"INT": int, "FLOAT": float, "STRING": str, "BOOLEAN": bool}


def check_node(graph: Graph, node_id: str, classes: Mapping[str, type]) -> None:
    """Raises WorkflowError when something is missing, of the wrong type or out of range; converts plain values."""
    node = graph.get_node(node_id)
    cls = classes[node["class_type"]]
    if getattr(cls, "INPUT_IS_LIST", False) or any(getattr(cls, "OUTPUT_IS_LIST", ())):
        raise WorkflowError(f"{graph.title(node_id)} works on lists, which only ComfyUI can run.")
    declared = cls.INPUT_TYPES()
    validated = _validated_names(cls)
    for group in ("required", "optional"):
        for name, entry in declared.get(group, {}).items():
            if name not in node["inputs"]:
                _fill(graph, node_id, name, entry, group == "required")
            elif is_link(node["inputs"][name]):
                _check_link(graph, node_id, name, entry, classes)
            else:
                node["inputs"][name] = _check_value(graph, node_id, name, entry, name in validated)
    _ask_the_class(graph, node_id, cls, validated)


def _validated_names(cls: type) -> set[str]:
    function = getattr(cls, "VALIDATE_INPUTS", None)
    return set(inspect.signature(function).parameters) if function else set()


def _fill(graph: Graph, node_id: str, name: str, entry: Any, required: bool) -> None:
    """A missing widget takes its default; a missing socket is an error if it is required."""
    options = entry[1] if len(entry) > 1 else {}
    widget = isinstance(entry[0], list) or entry[0] in (*CONVERT, "COMBO")
    if widget and not options.get("forceInput") and (required or "default" in options):
        first = entry[0][0] if isinstance(entry[0], list) and entry[0] else None
        if "default" in options or first is not None:
            graph.get_node(node_id)["inputs"][name] = options.get("default", first)
            return
    if required:
        raise WorkflowError(f"{graph.title(node_id)}: input '{name}' is not connected.")


def _check_link(graph: Graph, node_id: str, name: str, entry: Any, classes: Mapping[str, type]) -> None:
    source, output = graph.get_node(node_id)["inputs"][name]
    if not graph.has_node(source):
        raise WorkflowError(f"{graph.title(node_id)}: input '{name}' comes from node {source}, which does not exist.")
    given = classes[graph.get_node(source)["class_type"]].RETURN_TYPES
    if output >= len(given):
        raise WorkflowError(f"{graph.title(node_id)}: input '{name}' comes from an output that does not exist.")
    wanted = "COMBO" if isinstance(entry[0], list) else entry[0]
    kind = given[output]
    if "*" not in (wanted, kind) and wanted != "COMBO" and not set(str(kind).split(",")) & set(wanted.split(",")):
        raise WorkflowError(f"{graph.title(node_id)}: input '{name}' needs {wanted}, but {kind} is connected.")


def _check_value(graph: Graph, node_id: str, name: str, entry: Any, validated: bool) -> Any:
    value, kind = graph.get_node(node_id)["inputs"][name], entry[0]
    options = entry[1] if len(entry) > 1 else {}
    where = f"{graph.title(node_id)}: input '{name}'"
    choices = kind if isinstance(kind, list) else options.get("options") if kind == "COMBO" else None
    if choices is not None:
        if value not in choices and not validated:
            raise WorkflowError(f"{where} is {value!r}; choose one of {', '.join(map(str, choices))}.")
        return value
    if kind not in CONVERT:
        raise WorkflowError(f"{where} needs a connection of type {kind}.")
    try:
        value = CONVERT[kind](value)
    except (TypeError, ValueError) as error:
        raise WorkflowError(f"{where} must be of type {kind}, got {value!r}.") from error
    low, high = options.get("min", -math.inf), options.get("max", math.inf)
    if kind in ("INT", "FLOAT") and not validated and not low <= value <= high:
        raise WorkflowError(f"{where} must be between {low} and {high}, got {value}.")
    return value


def _ask_the_class(graph: Graph, node_id: str, cls: Any, names: set[str]) -> None:
    """VALIDATE_INPUTS sees constants only, as in ComfyUI."""
    if not names:
        return
    inputs = graph.get_node(node_id)["inputs"]
    constants = {name: None if is_link(inputs.get(name)) else inputs.get(name) for name in names if name in inputs}
    answer = cls.VALIDATE_INPUTS(**constants)
    if answer is not True:
        raise WorkflowError(f"{graph.title(node_id)}: {answer}")
