"""ComfyUI's VIDEO type, for nodes; without ComfyUI the clip itself is what goes from node to node."""

from __future__ import annotations

import os
from fractions import Fraction
from pathlib import Path
from typing import Any

from . import host
from .imaging.clip import Clip, FileClip, FrameClip


def clip_of(video: Any) -> Clip:
    """What is on a VIDEO socket → a clip: the file behind it, read only when it is needed, or its frames.

    Raises:
        TypeError: something else.
    """
    if isinstance(video, (FileClip, FrameClip)):
        return video
    if _has_frames_in_memory(video):
        parts = video.get_components()
        return FrameClip(parts.images[..., :3], Fraction(parts.frame_rate), parts.audio)
    if hasattr(video, "get_stream_source"):
        part = getattr(video, "get_active_trim_window", None)  # ComfyUI can cut a clip since 2026
        return FileClip(video.get_stream_source(), part() if part is not None else (0.0, 0.0))
    raise TypeError(f"video must come from a node like Load Video or Create Video, got {type(video).__name__}.")


def _has_frames_in_memory(video: Any) -> bool:
    if not host.is_hosted():
        return False
    from comfy_api.input_impl import VideoFromComponents

    return isinstance(video, VideoFromComponents)


def video_of(file: str | os.PathLike[str]) -> Any:
    """A video file → what goes onto a VIDEO socket."""
    if not host.is_hosted():
        return FileClip(os.fspath(file))
    from comfy_api.input_impl import VideoFromFile

    return VideoFromFile(os.fspath(file))


def show_video(file: Path) -> dict[str, Any]:
    """Entries for `ui` that play a file of the temporary folder on the node; outside ComfyUI nothing is shown."""
    if not host.is_hosted():
        return {}
    return {"images": [host.temporary_entry(file)], "animated": (True,)}
