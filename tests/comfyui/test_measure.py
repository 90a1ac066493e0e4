"""Sweeps in ComfyUI's own executor: what a further denoiser computes, and how soon a sweep stops."""

import csv
import io
import json
import time

import pytest
from comfyui_calls import SECONDS_TO_STOP, api, get, post, wait_for
from PIL import Image
from realdenoise.imaging.labelled_grid import GAP

LEVELS = "10, 15, 25, 35, 50, 60, 75"


def graph(*methods: str, dark: bool = False) -> dict:
    """A sweep per classical method over two levels of one picture, all in one chart, and its rows as text."""
    nodes = {"photo": api("SamplePhoto", picture="cat")}
    for method in methods:
        nodes[method] = api("ClassicalDenoiser", method=method)
        nodes[f"sweep {method}"] = api(
            "NoiseLevelSweep", denoiser=[method, 0], clean=["photo", 1], levels="15, 40", seed=11
        )
    tables = {f"table_{number}": [f"sweep {method}", 0] for number, method in enumerate(methods, 1)}
    nodes["chart"] = api("SweepChart", **tables, width=400, height=300, dark=dark)
    nodes["rows"] = {"class_type": "PreviewAny", "inputs": {"source": ["chart", 2]}}
    return nodes


def rows_of(history: dict) -> list[dict]:
    return list(csv.DictReader(io.StringIO(history["outputs"]["rows"]["text"][0])))


def cached(history: dict) -> set[str]:
    return {*next(data for name, data in history["status"]["messages"] if name == "execution_cached")["nodes"]}


TWO = ("Heat diffusion", "Wavelet shrinkage")


@pytest.fixture(scope="module")
def first(comfyui):
    return comfyui.run(graph(*TWO))


def test_adding_a_denoiser_recomputes_nothing_else(comfyui, first):
    more = comfyui.run(graph(*TWO, "Bilateral filter"))
    kept = {"photo", *TWO, *(f"sweep {method}" for method in TWO)}
    computed = {*graph(*TWO, "Bilateral filter")} - cached(more)
    assert kept <= cached(more) and computed == {"Bilateral filter", "sweep Bilateral filter", "chart", "rows"}
    before, after = rows_of(first), rows_of(more)
    assert len(before) == 4 and len(after) == 6
    assert after[:4] == before, "seconds and peak memory would differ if a picture had been denoised again"


def test_drawing_otherwise_denoises_nothing(comfyui, first):
    again = comfyui.run(graph(*TWO, dark=True))
    assert {*graph(*TWO)} - cached(again) == {"chart", "rows"} and rows_of(again) == rows_of(first)


def test_a_sweep_of_seven_levels_and_four_pictures_stops_within_a_second(comfyui):
    nodes = {
        "photos": api("SamplePhoto", picture="all four, 300×300"),
        "load": api("LoadDenoiser", precision="fp32"),
        "sweep": api("NoiseLevelSweep", denoiser=["load", 0], clean=["photos", 1], levels=LEVELS, seed=12),
        "look": {"class_type": "PreviewAny", "inputs": {"source": ["sweep", 2]}},
    }
    queued = json.loads(post(f"{comfyui.address}/prompt", {"prompt": nodes}))["prompt_id"]
    wait_for(lambda: get(f"{comfyui.address}/queue")["queue_running"], 30)
    time.sleep(2)  # well inside the sweep
    assert get(f"{comfyui.address}/queue")["queue_running"], "the sweep was too short for this machine"
    started = time.monotonic()
    post(f"{comfyui.address}/interrupt", {"prompt_id": queued})
    status = wait_for(lambda: get(f"{comfyui.address}/history/{queued}").get(queued), 60)["status"]
    assert time.monotonic() - started < SECONDS_TO_STOP
    interrupted = next(data for name, data in status["messages"] if name == "execution_interrupted")
    assert interrupted["node_id"] == "sweep"


@pytest.mark.parametrize("show", ["grid", "animation"])
def test_a_trajectory_is_shown_as_a_grid_or_as_a_looping_animation(comfyui, show):
    nodes = {
        "photos": api("SamplePhoto", picture="all four, 300×300"),
        "strip": api("TrajectoryStrip", images=["photos", 0], show=show, side=100, speed=5.0, reference=["photos", 1]),
    }
    shown = comfyui.run(nodes)["outputs"]["strip"]
    assert len(shown["text"][0].splitlines()) == 4 and " dB" in shown["text"][0]
    (entry,) = shown["images"]
    with Image.open(comfyui.base / "temp" / entry["filename"]) as picture:
        if show == "grid":
            assert picture.size == (4 * 100 + 5 * GAP, picture.height)
        else:
            assert shown["animated"] == [True] and (picture.n_frames, picture.info["loop"]) == (4, 0)
            picture.seek(1)
            picture.load()
            assert picture.size == (100, 100) and picture.info["duration"] == 200
