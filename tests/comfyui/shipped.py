"""The shipped workflows, made small enough to run all of them in a test: shared by the tests with a real ComfyUI."""

from pathlib import Path
from typing import Any

import node_calls
from realdenoise.headless.convert import to_prompt
from realdenoise.headless.run import CLASSES, read_workflow
from realdenoise.nodes import NODE_CLASS_MAPPINGS

FOLDER = Path(__file__).resolve().parents[2] / "workflows"
FILES = sorted(path.stem for path in FOLDER.glob("*.json"))
MOST = {
    **{"steps": 2, "levels": 2, "steps_per_level": 2, "iterations": 4, "runs": 2, "candidates": 2, "minutes": 0},
    **{"crop": 48, "frames": 3},
}
"""Settings that decide how long a workflow takes, and how much of each is enough to see that it works."""
FIXED = {"scheduler_step_by_step": {"steps"}}
"""Settings that the drawing itself counts on."""
NODES = {("RealDenoiseTrainDenoiser", "steps"): 2, ("RealDenoiseHeatScheduler", "iterations"): 4}
WORDS = {"levels": "25, 50", "noise": "gaussian: 25"}


def lowest(kind: str, name: str) -> float:
    """What the node allows at least."""
    if kind not in NODE_CLASS_MAPPINGS:
        return 0
    entry = node_calls.inputs(kind).get(name)
    return entry[1].get("min", 0) if entry else 0


def smaller(workflow: str, kind: str, name: str, value: Any) -> Any:
    """A widget's value, as small as it may be on a node of that kind."""
    if (kind, name) in NODES:
        return NODES[kind, name]
    if isinstance(value, bool) or name in FIXED.get(workflow, ()):
        return value
    if isinstance(value, str):
        return WORDS[name] if name in WORDS and any(letter.isdigit() for letter in value) else value
    if name in MOST and isinstance(value, (int, float)):
        return max(min(value, MOST[name]), lowest(kind, name))
    return value


def small_prompt(name: str) -> dict:
    """The API format of a shipped workflow, quick, and in float32 so that every machine gives the same pixels."""
    prompt = to_prompt(read_workflow(FOLDER / f"{name}.json"), CLASSES)
    for node in prompt.values():
        kind = node["class_type"]
        node["inputs"] = {key: smaller(name, kind, key, value) for key, value in node["inputs"].items()}
        if "precision" in node["inputs"]:
            node["inputs"]["precision"] = "fp32"
    return prompt
