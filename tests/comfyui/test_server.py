"""A server that works all day: its log, its templates, its queue and its memory."""

import json
import re
import urllib.request
from pathlib import Path

import node_calls
import pytest
from shipped import FILES

LONG_RUN = 200
GROWTH_MIB = 40
"""What a process that frees everything may still grow by while it warms up caches."""
BAD = re.compile("warn|error|traceback|failed|skip ", re.IGNORECASE)


def fetch(url: str) -> tuple[str, bytes]:
    with urllib.request.urlopen(url, timeout=60) as answer:
        return answer.headers.get_content_type(), answer.read()


def quick(seed: int) -> dict:
    """Noise, filter, preview: the shortest useful prompt; every seed is new work."""
    size = {"width": 96, "height": 96, "batch_size": 1, "color": 8421504}
    defaults = {
        node: {n: node_calls.default(e) for n, e in node_calls.inputs(node).items() if node_calls.is_widget(e)}
        for node in ("RealDenoiseAddNoise", "RealDenoiseDenoiseImage", "RealDenoiseLoadDenoiser")
    }

    def ours(node, **inputs):
        return {"class_type": node, "inputs": {**defaults[node], **inputs}}

    return {
        "empty": {"class_type": "EmptyImage", "inputs": size},
        "noise": ours("RealDenoiseAddNoise", image=["empty", 0], seed=seed),
        "load": ours("RealDenoiseLoadDenoiser", precision="fp32"),
        "denoise": ours("RealDenoiseDenoiseImage", denoiser=["load", 0], image=["noise", 0]),
        "look": {"class_type": "PreviewImage", "inputs": {"images": ["denoise", 0]}},
    }


def test_the_log_has_no_warning(comfyui):
    """None that names the pack while it is loaded, and none at all while it works.

    What other tests provoked is in the log, too: only the lines before the first run and those of this one count.
    """
    before = len(comfyui.log())
    comfyui.run(quick(10_000))
    lines = comfyui.log()
    begun = next(number for number, line in enumerate(lines) if "got prompt" in line)
    lines = lines[:begun] + lines[max(begun, before) :]
    loaded = [line for line in lines if line.rstrip().endswith("custom_nodes/denoise")]
    assert loaded and "FAILED" not in loaded[0]
    ours = [line for line in lines if "custom_nodes/denoise" in line or "realdenoise" in line.lower()]
    assert [line for line in ours + lines[begun:] if BAD.search(line) or line.startswith("  File ")] == []
    assert not any("Unable to parse pyproject" in line for line in lines)


def test_all_templates_are_listed_with_their_thumbnails(comfyui):
    listed = json.loads(fetch(f"{comfyui.address}/api/workflow_templates")[1])
    assert sorted(listed["denoise"]) == FILES
    for name in FILES:
        kind, content = fetch(f"{comfyui.address}/api/workflow_templates/denoise/{name}.jpg")
        assert kind == "image/jpeg" and len(content) > 5000
        assert json.loads(fetch(f"{comfyui.address}/api/workflow_templates/denoise/{name}.json")[1])["nodes"]


def test_help_pages_and_their_pictures_are_served(comfyui):
    nodes = json.loads(fetch(f"{comfyui.address}/object_info")[1])
    ours = [name for name in nodes if name.startswith("RealDenoise")]
    assert len(ours) > 40
    for name in ours:
        page = fetch(f"{comfyui.address}/extensions/denoise/docs/{name}.md")[1].decode()
        picture = page.split("](pictures/")[1].split(")")[0]
        assert fetch(f"{comfyui.address}/extensions/denoise/docs/pictures/{picture}")[0] == "image/jpeg"


def test_two_queued_prompts_both_finish_in_order(comfyui):
    first, second = (comfyui.queue(quick(seed)) for seed in (10_001, 10_002))
    ends = {}
    for prompt_id in (first, second):
        history = comfyui.wait(prompt_id)
        ends[prompt_id] = next(data["timestamp"] for name, data in history["status"]["messages"] if "success" in name)
    assert ends[first] < ends[second]


def resident_mib(process: int) -> float:
    words = Path(f"/proc/{process}/status").read_text().split()
    return int(words[words.index("VmRSS:") + 1]) / 1024


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs /proc")
def test_memory_is_stable_over_a_long_run(comfyui):
    for seed in range(LONG_RUN // 4):
        comfyui.wait(comfyui.queue(quick(seed)), pause=0.02)
    before = resident_mib(comfyui.process)
    for seed in range(LONG_RUN // 4, LONG_RUN):
        comfyui.wait(comfyui.queue(quick(seed)), pause=0.02)
    assert resident_mib(comfyui.process) - before < GROWTH_MIB
