"""The English texts of all nodes in the form of locales/<lang>/, the source that translations are made from.

    python tests/locale_source.py         all English texts: nodeDefs.json, and under "main" what belongs into main.json
    python tests/locale_source.py ja      only those that Japanese lacks, or whose English has changed since

English itself is never shipped as a locale: it would hide the texts of the Python files.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

LOCALES = Path(__file__).resolve().parents[1] / "locales"
TRANSLATED = Path(__file__).with_name("locale_english.json")
"""The English that the present translations say. Where a node says something else, they are out of date."""
CORE_TYPES = {"*", "IMAGE", "MASK", "INT", "FLOAT", "STRING", "BOOLEAN", "VIDEO", "AUDIO", "LATENT", "MODEL", "SIGMAS"}
"""Sockets that ComfyUI names by itself."""


def key(name: str) -> str:
    """A name as the front-end looks it up: dots separate levels there."""
    return name.replace(".", "_")


def english_nodes() -> dict[str, Any]:
    """nodeDefs.json in English: node id → display_name, description, inputs, outputs, sorted by id."""
    from realdenoise.nodes import NODE_CLASS_MAPPINGS, NODE_DISPLAY_NAME_MAPPINGS

    nodes = {}
    for node_id, cls in sorted(NODE_CLASS_MAPPINGS.items()):
        inputs = {}
        for name, (_, options) in _inputs(cls).items():
            inputs[key(name)] = {"name": options.get("display_name", name), "tooltip": options["tooltip"]}
        pairs = zip(cls.RETURN_NAMES, cls.OUTPUT_TOOLTIPS, strict=True)
        nodes[key(node_id)] = {
            "display_name": NODE_DISPLAY_NAME_MAPPINGS[node_id],
            "description": cls.DESCRIPTION,
            "inputs": inputs,
            "outputs": {str(place): {"name": name, "tooltip": tip} for place, (name, tip) in enumerate(pairs)},
        }
    return nodes


def english_main() -> dict[str, dict[str, str]]:
    """main.json in English: the parts of the menu, and our own socket types in words."""
    from realdenoise.nodes import NODE_CLASS_MAPPINGS

    parts, types = set(), set()
    for cls in NODE_CLASS_MAPPINGS.values():
        parts.update(cls.CATEGORY.split("/"))
        sockets = [*cls.RETURN_TYPES, *(kind for kind, _ in _inputs(cls).values() if isinstance(kind, str))]
        types.update(kind for socket in sockets for kind in socket.split(","))
    own = sorted(types - CORE_TYPES - {"COMBO"})
    return {
        "nodeCategories": {key(part): part for part in sorted(parts)},
        "dataTypes": {key(kind): kind.replace("_", " ").capitalize() for kind in own},
    }


def english() -> dict[str, Any]:
    """Everything there is to translate: nodeDefs.json, and main.json under 'main'."""
    return {**english_nodes(), "main": english_main()}


def translation(language: str) -> dict[str, Any]:
    """What locales/<language> holds, in the form of `english`; empty if there is nothing."""
    read = {}
    for name in ("nodeDefs", "main"):
        path = LOCALES / language / f"{name}.json"
        read[name] = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    return {**read["nodeDefs"], "main": read["main"]}


def texts(tree: dict[str, Any], place: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every text of a tree with the keys that lead to it."""
    for name, value in tree.items():
        if isinstance(value, dict):
            yield from texts(value, (*place, name))
        else:
            yield (*place, name), value


def choices() -> dict[tuple[str, ...], list[str]]:
    """(node id, 'inputs', name, 'tooltip') of every combo → its one-word options, which are not translated."""
    from realdenoise.nodes import NODE_CLASS_MAPPINGS

    found = {}
    for node_id, cls in NODE_CLASS_MAPPINGS.items():
        for name, (kind, options) in _inputs(cls).items():
            values = options.get("options", []) if kind == "COMBO" else kind
            if not isinstance(values, str):
                words = [str(value) for value in values if re.fullmatch(r"\w{3,}", str(value))]
                found[key(node_id), "inputs", key(name), "tooltip"] = words
    return found


def shown(message: str) -> str:
    """A message as the front-end shows it: {'text'} is how its message format writes braces, @ and | themselves."""
    return re.sub(r"\{'([^']*)'\}", r"\1", message)


def _inputs(cls: type) -> dict[str, tuple[Any, dict[str, Any]]]:
    sections = cls.INPUT_TYPES()
    entries = {**sections.get("required", {}), **sections.get("optional", {})}
    return {name: (entry[0], entry[1] if len(entry) > 1 else {}) for name, entry in entries.items()}


def _missing(language: str) -> dict[str, Any]:
    done = dict(texts(translation(language)))
    before = dict(texts(json.loads(TRANSLATED.read_text(encoding="utf-8")))) if TRANSLATED.is_file() else {}
    todo: dict[str, Any] = {}
    for place, text in texts(english()):
        if place not in done or before.get(place) != text:
            branch = todo
            for part in place[:-1]:
                branch = branch.setdefault(part, {})
            branch[place[-1]] = text
    return todo


if __name__ == "__main__":
    import conftest  # noqa: F401  makes the package importable under its own name

    wanted = _missing(sys.argv[1]) if len(sys.argv) > 1 else english()
    sys.stdout.write(json.dumps(wanted, indent=2, ensure_ascii=False) + "\n")
