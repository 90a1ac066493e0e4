"""Strategies for every input of every node, inside and outside what is declared: shared by the fuzzing tests."""

from __future__ import annotations

import math
from functools import cache
from typing import Any

import node_calls
import torch
from hypothesis import strategies as st
from realdenoise.imaging.files import PictureInfo
from realdenoise.nodes import NODE_CLASS_MAPPINGS

MOST = {
    **{"steps": 3, "runs": 2, "draws": 3, "levels": 3, "steps_per_level": 2, "iterations": 3, "candidates": 3},
    **{"masks": 1, "repeats": 2, "width": 24, "height": 24, "batch_size": 2, "minutes": 0.0, "crop": 16, "batch": 2},
    **{"zoom": 2, "side": 40, "frames": 2},
}
"""Settings whose whole range would take minutes: fuzzed up to here, or up to their minimum if that is more."""
WORDS = st.sampled_from(["", "a", "gaussian: 15", "10, 25", "x, y, z", "no: such, thing", "{n} {", "☃", "12;13", "1e9"])
WRONG: dict[str, list[Any]] = {
    "INT": [math.nan, math.inf, -(10**12), 10**12, "ten", None],
    "FLOAT": [math.nan, math.inf, -math.inf, -1e12, 1e12, "ten", None],
    "COMBO": ["no such choice", "", None, 7],
    "STRING": [None, 7, "../../out", "C:\\out", "a\0b"],
    "BOOLEAN": [],
}
SOCKETS = [None, 7, "words", [], object(), torch.zeros(3), torch.zeros(1, 2, 2, 7), torch.zeros(0, 4, 4, 3)]
SOCKETS += [torch.full((1, 8, 8, 3), math.nan), torch.full((1, 8, 8, 3), math.inf), torch.ones(1, 4, 4, 3).int()]
"""What no socket can use."""


@st.composite
def pictures(draw: Any) -> torch.Tensor:
    """[B,H,W,C] in [0,1], B 1 to 2, sides 1 to 20, C 1, 3 or 4, float32 or float16."""
    frames, height, width = draw(st.integers(1, 2)), draw(st.integers(1, 20)), draw(st.integers(1, 20))
    channels, kind = draw(st.sampled_from([1, 3, 4])), draw(st.sampled_from([torch.float32, torch.float16]))
    generator = torch.Generator().manual_seed(draw(st.integers(0, 9)))
    return torch.rand(frames, height, width, channels, generator=generator).to(kind)


@cache
def _table() -> Any:
    sweep = NODE_CLASS_MAPPINGS["RealDenoiseNoiseLevelSweep"]
    picture = torch.rand(1, 16, 16, 3, generator=torch.Generator().manual_seed(0))
    return node_calls.call("RealDenoiseNoiseLevelSweep", picture, levels="25")[sweep.RETURN_NAMES.index("table")]


@cache
def _scheduler(name: str) -> Any:
    few = {"levels": 2} if name in ("Langevin", "EDM") else {"steps": 2}
    return node_calls.call(f"RealDenoise{name}Scheduler", torch.zeros(1), **few)[0]


def _clip() -> Any:
    """A video of two frames; written anew, as its folder may have vanished."""
    return node_calls.call("RealDenoiseSampleClip", torch.zeros(1), frames=2)[0]


def _state(picture: torch.Tensor, name: str) -> Any:
    start = NODE_CLASS_MAPPINGS["RealDenoiseStartDenoising"]()
    settings = {"sigma": 20.0, "seed": 0, "width": 8, "height": 8, "batch_size": 1, "first_frame": 0}
    return getattr(start, start.FUNCTION)(scheduler=_scheduler(name), image=picture, **settings)["result"][0]


def schedulers() -> st.SearchStrategy:
    """One of all kinds, of few steps."""
    return st.sampled_from(["DDPM", "DDIM", "EDM", "Langevin", "Interpolation", "Heat"])


def _socket(kind: str, picture: torch.Tensor, draw: Any) -> Any:
    if kind == "IMAGE":
        return picture if draw(st.integers(0, 3)) else draw(pictures())
    if kind == "MASK":
        shape = picture.shape[:3] if draw(st.booleans()) else (draw(st.integers(1, 3)), 5, 7)
        return torch.rand(shape, generator=torch.Generator().manual_seed(0))
    if kind == "DENOISE_SCHEDULER":
        return _scheduler(draw(schedulers()))
    if kind == "DENOISE_STATE":
        return _state(picture, draw(schedulers()))
    if kind == "DENOISE_LOOP":
        return node_calls.call("RealDenoiseLoopOpen", picture, state=_state(picture, "DDIM"))[0]
    if kind == "DENOISE_TABLE":
        return _table()
    if kind == "VIDEO":
        return _clip()
    return {"DENOISER": node_calls.Darker(), "PHOTO_INFO": PictureInfo()}[kind]


def _widget(name: str, entry: tuple, draw: Any) -> Any:
    kind, options = node_calls.kind(entry), entry[1]
    if kind == "COMBO":
        return draw(st.sampled_from(node_calls.choices(entry)))
    if kind == "BOOLEAN":
        return draw(st.booleans())
    if kind == "STRING":
        return draw(st.one_of(st.just(node_calls.default(entry)), WORDS))
    low, high = options["min"], options["max"]
    high = min(high, max(low, MOST.get(name, high)))
    if kind == "INT":
        return draw(st.integers(int(low), int(high)))
    return draw(st.floats(low, high, allow_nan=False))


@st.composite
def inside(draw: Any, node_id: str) -> dict[str, Any]:
    """Arguments for a node, every one as declared; optional ones now and then."""
    picture = draw(pictures())
    given = {}
    for part in ("required", "optional"):
        for name, entry in node_calls.inputs(node_id, (part,)).items():
            if part == "required" or draw(st.booleans()):
                widget = node_calls.is_widget(entry)
                given[name] = _widget(name, entry, draw) if widget else _socket(node_calls.kind(entry), picture, draw)
    return given


@st.composite
def outside(draw: Any, node_id: str) -> dict[str, Any]:
    """The same with one argument that cannot be used."""
    given = draw(inside(node_id))
    entries = node_calls.inputs(node_id)
    names = [n for n, e in entries.items() if not node_calls.is_widget(e) or WRONG[node_calls.kind(e)]]
    if names:
        name = draw(st.sampled_from(names))
        entry = entries[name]
        wrong = WRONG[node_calls.kind(entry)] if node_calls.is_widget(entry) else SOCKETS
        given[name] = draw(st.sampled_from(wrong))
    return given
