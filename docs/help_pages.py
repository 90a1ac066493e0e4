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


def section(node_id: str, cls: type, workflows: list[str]) -> str:
    """The generated part of a page."""
    parts = [MARK]
    if (PAGES / "pictures" / f"{node_id}.jpg").is_file():
        parts.append(f"![{cls.DESCRIPTION.split('. ')[0].rstrip('.')}](pictures/{node_id}.jpg)")
    groups = cls.INPUT_TYPES()
    inputs = {name: (entry, part) for part in ("required", "optional") for name, entry in groups.get(part, {}).items()}
    if inputs:
        rows = [_input_row(name, entry, part) for name, (entry, part) in inputs.items()]
        parts.append(
            "## Inputs\n| input | kind | default | range | what it is |\n|---|---|---|---|---|\n" + "\n".join(rows)
        )
    outputs = zip(cls.RETURN_NAMES, cls.RETURN_TYPES, cls.OUTPUT_TOOLTIPS, strict=True)
    rows = [f"| **{name}** | {_kind(kind)} | {_cell(words)} |" for name, kind, words in outputs]
    parts.append("## Outputs\n| output | kind | what it is |\n|---|---|---|\n" + "\n".join(rows))
    parts.append("Templates with this node: " + ", ".join(name.replace("_", " ") for name in workflows) + ".")
    return "\n\n".join(parts) + "\n"


def _kind(kind: Any) -> str:
    return KINDS["COMBO"] if not isinstance(kind, str) else KINDS.get(kind, f"`{kind}`")


def _cell(words: str) -> str:
    return words.replace("|", "\\|").replace("\n", " ")


def _input_row(name: str, entry: tuple, part: str) -> str:
    kind, options = entry[0], entry[1] if len(entry) > 1 else {}
    choices = list(options.get("options", [])) if isinstance(kind, str) else list(kind)
    default, limits = options.get("default", choices[0] if choices else ""), ""
    if choices:
        limits = ", ".join(map(str, choices[:MOST_CHOICES])) + (" …" if len(choices) > MOST_CHOICES else "")
    elif "min" in options and "max" in options:
        limits = f"{options['min']:g} to {options['max']:g}"
    if isinstance(default, bool):
        default = options.get("label_on", "on") if default else options.get("label_off", "off")
    words = options.get("tooltip", "") + (" (optional)" if part == "optional" and not default and not choices else "")
    return f"| **{name}** | {_kind(kind)} | {_cell(str(default))} | {_cell(limits)} | {_cell(words)} |"


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
