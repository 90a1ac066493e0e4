"""What host.py promises, in a real ComfyUI: cancelling, model folders, errors people can read."""

import json
import time
import urllib.error
from pathlib import Path

import pytest
from comfyui_calls import SECONDS_TO_STOP, api, get, post, wait_for
from safetensors.torch import load_file, save_file

WEIGHTS = Path(__file__).resolve().parents[2] / "models/weights/interpolation_unet.safetensors"


def big_picture() -> dict:
    """Some ten seconds of work."""
    size = {"width": 3000, "height": 3000, "batch_size": 1, "color": 0}
    return {
        "load": api("LoadDenoiser", precision="fp32"),
        "empty": {"class_type": "EmptyImage", "inputs": size},
        "denoise": api("DenoiseImage", denoiser=["load", 0], image=["empty", 0]),
        "look": {"class_type": "PreviewImage", "inputs": {"images": ["denoise", 0]}},
    }


def test_cancelling_stops_within_a_second(comfyui):
    queued = json.loads(post(f"{comfyui.address}/prompt", {"prompt": big_picture()}))["prompt_id"]
    wait_for(lambda: get(f"{comfyui.address}/queue")["queue_running"], 30)
    time.sleep(3)  # well inside the network
    assert get(f"{comfyui.address}/queue")["queue_running"], "the picture was too small for this machine"
    started = time.monotonic()
    post(f"{comfyui.address}/interrupt", {"prompt_id": queued})
    status = wait_for(lambda: get(f"{comfyui.address}/history/{queued}").get(queued), 60)["status"]
    assert time.monotonic() - started < SECONDS_TO_STOP
    assert any(name == "execution_interrupted" for name, _ in status["messages"])


def test_a_file_put_into_the_model_folder_is_listed_and_runs(comfyui):
    folder = comfyui.base / "models" / "denoisers" / "mine"
    folder.mkdir(parents=True, exist_ok=True)
    save_file(load_file(WEIGHTS), folder / "copy.safetensors")
    name = "mine/copy.safetensors"
    entry = get(f"{comfyui.address}/object_info/RealDenoiseLoadDenoiser")["RealDenoiseLoadDenoiser"]
    assert name in entry["input"]["required"]["denoiser"][0]
    prompt = {
        "load": api("LoadDenoiser", denoiser=name),
        "photo": api("SamplePhoto"),
        "denoise": api("DenoiseImage", denoiser=["load", 0], image=["photo", 0]),
        "look": {"class_type": "PreviewAny", "inputs": {"source": ["denoise", 1]}},
    }
    history = comfyui.run(prompt)
    assert history["outputs"]["look"]["text"][0].startswith("copy · blind")


@pytest.mark.parametrize("name", ["../../secret.pth", "/etc/passwd", "gone.safetensors"])
def test_a_name_that_is_not_listed_is_refused_before_anything_runs(comfyui, name):
    look = {"class_type": "PreviewAny", "inputs": {"source": ["load", 1]}}
    prompt = {"load": api("LoadDenoiser", denoiser=name), "look": look}
    with pytest.raises(urllib.error.HTTPError) as problem:
        post(f"{comfyui.address}/prompt", {"prompt": prompt})
    (error,) = json.loads(problem.value.read())["node_errors"]["load"]["errors"]
    assert error["type"] == "value_not_in_list"


def test_an_error_inside_a_node_is_one_sentence_for_people(comfyui):
    prompt = {
        "photo": api("SamplePhoto"),
        "noise": api("AddNoise", image=["photo", 0], kind="gaussian", amount=1000.0),
        "look": {"class_type": "PreviewImage", "inputs": {"images": ["noise", 0]}},
    }
    queued = json.loads(post(f"{comfyui.address}/prompt", {"prompt": prompt}))["prompt_id"]
    history = wait_for(lambda: get(f"{comfyui.address}/history/{queued}").get(queued), 30)
    error = next(data for name, data in history["status"]["messages"] if name == "execution_error")
    assert error["node_id"] == "noise" and "0 to 255" in error["exception_message"]
