"""Writes the generated end of every help page: picture, inputs, outputs and templates, from the node definitions.

Run from the repository after a node or a workflow has changed: python docs/help_pages.py
"""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
PAGES = ROOT / "web" / "docs"
MARK = "<!-- What follows is written by docs/help_pages.py from the node's definition. -->"
KINDS = {"INT": "whole number", "FLOAT": "number", "STRING": "text", "BOOLEAN": "switch", "COMBO": "choice"}
MOST_CHOICES = 12
LARGE = 2**31 - 1
"""A limit that nobody reaches, such as that of seeds."""


def section(node_id: str, cls: type, workflows: list[str]) -> str:
    """The generated part of a page."""
    parts = [MARK]
    if (PAGES / "pictures" / f"{node_id}.jpg").is_file():
        parts.append(f"![{cls.DESCRIPTION.split('. ')[0].rstrip('.')}](pictures/{node_id}.jpg)")
    groups = cls.INPUT_TYPES()
    inputs = {name: (entry, part) for part in ("required", "optional") for name, entry in groups.get(part, {}).items()}
    if inputs:
        lines = [_input_line(name, entry, part) for name, (entry, part) in inputs.items()]
        parts.append("## Inputs\n" + "\n".join(lines))
    outputs = zip(cls.RETURN_NAMES, cls.RETURN_TYPES, cls.OUTPUT_TOOLTIPS, strict=True)
    lines = [_line(name, [_kind(kind)], words) for name, kind, words in outputs]
    parts.append("## Outputs\n" + "\n".join(lines))
    parts.append("Templates with this node: " + ", ".join(name.replace("_", " ") for name in workflows) + ".")
    return "\n\n".join(parts) + "\n"


def _kind(kind: Any) -> str:
    return KINDS["COMBO"] if not isinstance(kind, str) else KINDS.get(kind, f"`{kind}`")


def _line(name: str, facts: list[str], words: str) -> str:
    """An entry of a list, which fits the narrow help panel where a table does not; further lines go below it."""
    first, *rest = words.split("\n")
    return "\n".join([f"- **{name}** ({', '.join(facts)}): {first}", *(f"  - {line}" for line in rest)])


def _input_line(name: str, entry: tuple, part: str) -> str:
    kind, options = entry[0], entry[1] if len(entry) > 1 else {}
    choices = list(options.get("options", [])) if isinstance(kind, str) else list(kind)
    default, facts = options.get("default", choices[0] if choices else ""), [_kind(kind)]
    if isinstance(default, bool):
        default = options.get("label_on", "on") if default else options.get("label_off", "off")
    if default != "":
        facts.append(f"default {default}")
    if len(choices) > 1:
        words = ", ".join(map(str, choices[:MOST_CHOICES])) + (" …" if len(choices) > MOST_CHOICES else "")
        facts = ["; ".join([f"one of {words}", *facts[1:]])]
    elif "min" in options and "max" in options:
        low, high = options["min"], options["max"]
        facts.append(f"{low:g} or more" if high >= LARGE else f"{low:g} to {high:g}")
    if part == "optional" and not default and not choices:
        facts.append("optional")
    return _line(name, facts, options.get("tooltip", ""))


def templates() -> dict[str, list[str]]:
    """Node id → names of the shipped workflows that it is in."""
    found: dict[str, list[str]] = {}
    for path in sorted((ROOT / "workflows").glob("*.json")):
        for kind in {node["type"] for node in json.loads(path.read_text(encoding="utf-8"))["nodes"]}:
            found.setdefault(kind, []).append(path.stem)
    return found


def page(node_id: str, cls: type, workflows: list[str]) -> str:
    """The whole page: what was written by hand, and the generated end."""
    by_hand = (PAGES / f"{node_id}.md").read_text(encoding="utf-8").split(MARK)[0].rstrip()
    return f"{by_hand}\n\n{section(node_id, cls, workflows)}"


def load_pack() -> Any:
    """This checkout as `realdenoise`, installed or not."""
    file = ROOT / "__init__.py"
    spec = importlib.util.spec_from_file_location("realdenoise", file, submodule_search_locations=[str(ROOT)])
    assert spec and spec.loader
    module = sys.modules["realdenoise"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def main() -> None:
    """Rewrite the pages of all nodes."""
    used = templates()
    for node_id, cls in load_pack().NODE_CLASS_MAPPINGS.items():
        (PAGES / f"{node_id}.md").write_text(page(node_id, cls, used.get(node_id, [])), encoding="utf-8")


if __name__ == "__main__":
    main()
