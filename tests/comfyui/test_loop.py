"""The denoising loop in ComfyUI's own executor: by hand, drawn as a loop, in one node; and what is run again."""

import pytest
from realdenoise.nodes import NODE_CLASS_MAPPINGS


def api(class_type, **inputs):
    """A node in API format; widgets that are not named have their defaults."""
    declared = NODE_CLASS_MAPPINGS[f"RealDenoise{class_type}"].INPUT_TYPES()
    entries = {**declared["required"], **declared.get("optional", {})}
    defaults = {name: entry[1]["default"] for name, entry in entries.items() if "default" in entry[1]}
    return {"class_type": f"RealDenoise{class_type}", "inputs": {**defaults, **inputs}}


def graph(scale=1.0):
    """Three DDPM steps by hand, with guidance in the last; the same as a drawn loop and as Sample Loop; two meters."""
    nodes = {
        "photo": api("SamplePhoto", picture="cat", iso=6400),
        "denoiser": api("LoadDenoiser", denoiser="interpolation_unet", precision="fp32"),
        "scheduler": api("DDPMScheduler", steps=3),
        "start": api("StartDenoising", scheduler=["scheduler", 0], image=["photo", 0], sigma=20.0, seed=4),
    }
    state = ["start", 0]
    for number in range(3):
        nodes[f"predict{number}"] = api("PredictClean", denoiser=["denoiser", 0], state=state)
        clean = [f"predict{number}", 0]
        if number == 2:
            nodes["guided"] = api("GuidedPrediction", positive=clean, negative=["photo", 0], scale=scale)
            clean = ["guided", 0]
        nodes[f"step{number}"] = api("SchedulerStep", state=state, clean=clean)
        state = [f"step{number}", 0]
    nodes["open"] = api("LoopOpen", state=["start", 0])
    nodes["predict"] = api("PredictClean", denoiser=["denoiser", 0], state=["open", 1])
    nodes["step"] = api("SchedulerStep", state=["open", 1], clean=["predict", 0])
    nodes["look"] = {"class_type": "PreviewImage", "inputs": {"images": ["step", 1]}}
    nodes["close"] = api("LoopClose", loop=["open", 0], state=["step", 0])
    nodes["whole"] = api("SampleLoop", denoiser=["denoiser", 0], state=["start", 0])
    nodes["hand"] = api("PSNRMeter", reference=["whole", 0], image=["step2", 1])
    nodes["drawn"] = api("PSNRMeter", reference=["whole", 0], image=["close", 1])
    return nodes


@pytest.fixture(scope="module")
def first(comfyui):
    return comfyui.run(graph())


def test_three_ways_to_the_same_pixels(first):
    for meter in ("hand", "drawn"):
        assert any("identical" in line for line in first["outputs"][meter]["text"]), first["outputs"][meter]


def test_the_preview_inside_the_loop_runs_in_every_round(first):
    previews = [shown for node, shown in first["outputs"].items() if node == "look" or node.endswith(".look")]
    assert len(previews) == 3 and len({shown["images"][0]["filename"] for shown in previews}) == 3


def test_changing_a_late_step_runs_only_what_depends_on_it(comfyui, first):
    again = comfyui.run(graph(scale=1.5))
    cached = next(data for name, data in again["status"]["messages"] if name == "execution_cached")["nodes"]
    assert {"photo", "denoiser", "scheduler", "start", "predict0", "step0", "predict1", "step1", "predict2"} <= {
        *cached
    }
    assert {"whole", "drawn"} <= {*cached}
    assert not {"guided", "step2", "hand"} & {*cached}
    assert not any("identical" in line for line in again["outputs"]["hand"]["text"])


def test_a_loop_that_begins_anew_in_every_round_of_another(comfyui):
    nodes = {
        "photo": api("SamplePhoto", picture="cat", iso=6400),
        "denoiser": api("LoadDenoiser", denoiser="autoencoder", precision="fp32"),
        "outer_plan": api("InterpolationScheduler", steps=3),
        "inner_plan": api("InterpolationScheduler", steps=2),
        "start": api("StartDenoising", scheduler=["outer_plan", 0], image=["photo", 0], sigma=20.0),
        "outer": api("LoopOpen", state=["start", 0]),
        "outer_clean": api("PredictClean", denoiser=["denoiser", 0], state=["outer", 1]),
        "again": api("StartDenoising", scheduler=["inner_plan", 0], image=["outer_clean", 0], sigma=5.0),
        "inner": api("LoopOpen", state=["again", 0]),
        "inner_clean": api("PredictClean", denoiser=["denoiser", 0], state=["inner", 1]),
        "inner_step": api("SchedulerStep", state=["inner", 1], clean=["inner_clean", 0]),
        "look": {"class_type": "PreviewImage", "inputs": {"images": ["inner_step", 1]}},
        "inner_end": api("LoopClose", loop=["inner", 0], state=["inner_step", 0]),
        "outer_step": api("SchedulerStep", state=["outer", 1], clean=["inner_end", 1]),
        "outer_end": api("LoopClose", loop=["outer", 0], state=["outer_step", 0]),
        "meter": api("PSNRMeter", reference=["photo", 1], image=["outer_end", 1], noisy=["photo", 0]),
    }
    outputs = comfyui.run(nodes)["outputs"]
    assert sum(node == "look" or node.endswith(".look") for node in outputs) == 3 * 2
    assert "better than the noisy input" in " ".join(outputs["meter"]["text"])
