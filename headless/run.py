"""One workflow file from start to end: read, change, run, say what it showed and saved."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from .. import host
from ..host_video import video_of
from ..imaging.raw import load_photo
from ..imaging.video import VIDEO_SUFFIXES
from ..nodes import NODE_CLASS_MAPPINGS
from .convert import is_ui_format, to_prompt
from .core_nodes import CORE_NODES
from .core_video import VIDEO_NODES
from .execute import Executor, OnNode, Outcome
from .graph import Prompt, WorkflowError, declared_inputs, is_link, title_of

SAMPLE, LOADER = ("RealDenoiseSamplePhoto", "Sample Photo"), ("LoadImage", "Load Image", "image")
SAMPLE_CLIP, CLIP_LOADER = ("RealDenoiseSampleClip", "Sample Clip"), ("LoadVideo", "Load Video", "file")
"""Nodes that a file of the user replaces: id, name, and the input that names a file."""
CLEAN = 1
"""Index of a sample's output with the clean twin."""
CLASSES: dict[str, type] = {**CORE_NODES, **VIDEO_NODES, **NODE_CLASS_MAPPINGS}


def read_workflow(path: str | os.PathLike[str]) -> dict[str, Any]:
    """The file's content. Raises WorkflowError when it is missing or no JSON object."""
    file = Path(path)
    if not file.is_file():
        raise WorkflowError(f"workflow '{path}' does not exist.")
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise WorkflowError(f"workflow '{file.name}' is no JSON file ({error}); save it again in ComfyUI.") from error
    if not isinstance(content, dict):
        raise WorkflowError(f"workflow '{file.name}' holds a {type(content).__name__} instead of a graph.")
    return content


def run_workflow(
    path: str | os.PathLike[str],
    *,
    picture: str | os.PathLike[str] | None = None,
    output: str | os.PathLike[str] | None = None,
    settings: Sequence[str] = (),
    on_node: OnNode | None = None,
    remark: Callable[[str], None] | None = None,
    on_start: Callable[[str], None] | None = None,
) -> Outcome:
    """Run a UI- or API-format workflow file.

    Args:
        picture: takes the place of Sample Photo or, in workflows without one, of Load Image; a video that of Sample
            Clip or Load Video.
        output: folder for saved files; None = ./output.
        settings: 'NODE TITLE OR ID.widget=value', applied before the run.
        on_node, remark, on_start: told what nodes show, what the user should know, and which node starts.

    Raises:
        WorkflowError: the file, a setting or a node is at fault; the text says which.
    """
    content = read_workflow(path)
    prompt = to_prompt(content, CLASSES)
    for setting in settings:
        apply_setting(prompt, setting)
    classes = dict(CLASSES)
    if picture is not None:
        _put_in(prompt, classes, Path(picture), remark)
    extra = {"workflow": content} if is_ui_format(content) else None
    before = host.set_folders(output=output) if output is not None else {}
    try:
        return Executor(prompt, classes, extra, on_node, on_start).run()
    finally:
        host.set_folders(**before)


def apply_setting(prompt: Prompt, setting: str) -> None:
    """Change one widget. Raises WorkflowError when it is not there."""
    where, equals, value = setting.partition("=")
    name, dot, widget = where.rpartition(".")
    if not (equals and dot):
        raise WorkflowError(f"setting '{setting}' must read 'NODE TITLE OR ID.widget=value'.")
    found = [node for node_id, node in prompt.items() if name in (node_id, title_of(node))]
    if len(found) != 1:
        titles = ", ".join(sorted(f"{title_of(node)} ({i})" for i, node in prompt.items()))
        problem = "is the title of several nodes; use its id" if found else "is neither title nor id of a node"
        raise WorkflowError(f"setting '{setting}': '{name}' {problem}; there are {titles}.")
    inputs = declared_inputs(CLASSES[found[0]["class_type"]])
    if widget not in inputs:
        raise WorkflowError(f"setting '{setting}': the node has no '{widget}', only {', '.join(inputs)}.")
    if is_link(found[0]["inputs"].get(widget)):
        raise WorkflowError(f"setting '{setting}': '{widget}' is connected to another node; change that one.")
    if inputs[widget][0] == "BOOLEAN" and value.lower() not in ("true", "false"):
        raise WorkflowError(f"setting '{setting}': '{widget}' is true or false.")
    found[0]["inputs"][widget] = value.lower() == "true" if inputs[widget][0] == "BOOLEAN" else value


def _put_in(prompt: Prompt, classes: dict[str, type], file: Path, remark: Callable[[str], None] | None) -> None:
    """The user's picture instead of Sample Photo, else instead of Load Image; a video likewise."""
    moving = file.suffix.lower() in VIDEO_SUFFIXES
    (sample, sample_name), (loader, loader_name, widget) = (SAMPLE_CLIP, CLIP_LOADER) if moving else (SAMPLE, LOADER)
    word = "video" if moving else "picture"
    if not file.is_file():
        raise WorkflowError(f"{word} '{file}' does not exist.")
    samples = [node_id for node_id, node in prompt.items() if node["class_type"] == sample]
    if samples:
        classes[sample] = _stand_in(classes[sample], video_of(file) if moving else _opened(file), file.name)
        links = (value for node in prompt.values() for value in node["inputs"].values() if is_link(value))
        if remark is not None and any(link[0] in samples and link[1] == CLEAN for link in links):
            remark(f"{file.name} has no clean twin: what wants one gets {file.name} itself.")
        return
    loaders = [node for node in prompt.values() if node["class_type"] == loader]
    if len(loaders) != 1:
        raise WorkflowError(
            f"the workflow has neither {sample_name} nor {loader_name} to put the {word} into."
            if not loaders
            else f"the workflow has {len(loaders)} {loader_name} nodes; say which with --set 'NODE.{widget}=FILE'."
        )
    loaders[0]["inputs"][widget] = str(file.resolve())


def _opened(picture: Path) -> torch.Tensor:
    image, _ = load_photo(picture)
    return image.expand(-1, -1, -1, 3) if image.shape[-1] == 1 else image


def _stand_in(original: Any, content: Any, name: str) -> type:
    """A node with a sample's sockets that gives what the user has."""

    class UserFile(original):
        def open(self, **_: object) -> tuple:
            return content, content, name

    return UserFile


def text_of(ui: Mapping[str, Any]) -> list[str]:
    """The lines of text a node shows."""
    return [line for text in ui.get("text", []) for line in str(text).splitlines()]
