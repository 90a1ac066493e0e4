"""How to talk to a running ComfyUI: shared by the tests that have one."""

import json
import time
import urllib.request

import node_calls

SECONDS_TO_STOP = 2.0
"""A second is what cancelling takes; another one for a busy machine."""


def get(url: str) -> dict:
    with urllib.request.urlopen(url, timeout=60) as answer:
        return json.loads(answer.read())


def get_text(url: str) -> str:
    with urllib.request.urlopen(url, timeout=60) as answer:
        return answer.read().decode()


def post(url: str, content: dict) -> bytes:
    request = urllib.request.Request(url, json.dumps(content).encode(), {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=60) as answer:
        return answer.read()


def api(node: str, **inputs: object) -> dict:
    """A node of an API-format workflow; widgets that are not named have their defaults."""
    widgets = {
        name: node_calls.default(entry)
        for name, entry in node_calls.inputs(f"RealDenoise{node}").items()
        if node_calls.is_widget(entry)
    }
    return {"class_type": f"RealDenoise{node}", "inputs": {**widgets, **inputs}}


def wait_for(condition, seconds: float):
    end = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < end, f"nothing after {seconds} s"
        time.sleep(0.05)
    return found
