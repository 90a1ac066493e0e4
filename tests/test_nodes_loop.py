"""The loop on the canvas: by hand, by Loop Open and Loop Close, by foreign loops, and in one node: always the same."""

from __future__ import annotations

import pytest
import torch
from loop_graphs import SCHEDULERS, Look, Shrink, api, begun, by_hand, executor, round_of, whole
from realdenoise.imaging.level import DenoiseError
from realdenoise.nodes import NODE_CLASS_MAPPINGS
from realdenoise.nodes.states import describe
from realdenoise.schedulers import DDIMScheduler
from realdenoise.schedulers.loop import run_loop

every = pytest.mark.parametrize("scheduler", SCHEDULERS)


@every
def test_steps_by_hand_equal_the_whole_loop_bit_for_bit(scheduler):
    loop = whole(scheduler)
    steps = loop.output("start", 2)
    hand = executor(by_hand(scheduler, steps))
    assert hand.output(f"s{steps - 1}", 4) is True and hand.output(f"s{steps - 1}", 3) == steps
    assert torch.equal(hand.output(f"s{steps - 1}", 1), loop.output("loop"))
    assert not torch.equal(hand.output("s0", 1), loop.output("loop"))


@every
def test_an_open_and_closed_loop_equals_the_whole_loop_bit_for_bit(scheduler):
    graph = begun(scheduler) | {"open": api("LoopOpen", state=["start", 0])} | round_of("", ["open", 1])
    graph["look"] = {"class_type": "Look", "inputs": {"images": ["s", 1]}}
    graph["close"] = api("LoopClose", loop=["open", 0], state=["s", 0])
    graph["after"] = {"class_type": "Look", "inputs": {"images": ["close", 1]}}
    drawn, loop = executor(graph), whole(scheduler)
    Look.seen.clear()
    drawn.output("look")
    assert torch.equal(drawn.output("close", 1), loop.output("loop"))
    steps = loop.output("start", 2)
    assert drawn.output("close", 0).done
    assert len(Look.seen) == steps, "the preview in the loop runs once per round, the one behind it not at all"
    assert torch.equal(Look.seen[-1], loop.output("loop"))
    assert drawn.ran["PredictClean"] == steps


def test_two_steps_per_round_that_do_not_divide_the_schedule_are_refused_in_words():
    graph = begun("DDIMScheduler", steps=5) | {"open": api("LoopOpen", state=["start", 0])}
    graph |= round_of("1", ["open", 1]) | round_of("2", ["s1", 0])
    graph["close"] = api("LoopClose", loop=["open", 0], state=["s2", 0])
    with pytest.raises(ValueError, match="all 5 steps are taken"):
        executor(graph).output("close")
    even = executor(graph | {"scheduler": api("DDIMScheduler", steps=6)})
    assert even.output("close").step == 6


def test_a_loop_that_takes_no_step_is_refused():
    graph = begun("DDIMScheduler") | {"open": api("LoopOpen", state=["start", 0])}
    graph["close"] = api("LoopClose", loop=["open", 0], state=["open", 1])
    with pytest.raises(DenoiseError, match="Scheduler Step"):
        executor(graph).output("close")


def test_a_loop_inside_a_copied_body_still_ends():
    """A whole Loop Open … Loop Close inside the body of another loop: both ends are copied and find each other."""
    graph = begun("DDIMScheduler") | {"outer": api("LoopOpen", state=["start", 0])} | round_of("o", ["outer", 1])
    graph["inner"] = api("LoopOpen", state=["start", 0])
    graph |= round_of("i", ["inner", 1])
    graph["end"] = api("LoopClose", loop=["inner", 0], state=["si", 0])
    graph["blend"] = api("GuidedPrediction", positive=["po", 0], negative=["end", 1], scale=1.0)
    graph["so"]["inputs"]["clean"] = ["blend", 0]
    graph["close"] = api("LoopClose", loop=["outer", 0], state=["so", 0])
    assert torch.allclose(executor(graph).output("close", 1), whole("DDIMScheduler").output("loop"), atol=1e-5)


def test_a_loop_that_starts_from_the_outer_rounds_picture_runs_in_every_round():
    """The expanded copies of the inner loop hang on the outer one, too, and must not be copied once more."""
    graph = begun("InterpolationScheduler", steps=3) | {"outer": api("LoopOpen", state=["start", 0])}
    graph |= round_of("o", ["outer", 1])
    graph["begin"] = api("StartDenoising", scheduler=["inner_scheduler", 0], sigma=40.0, seed=5, image=["po", 0])
    graph["inner_scheduler"] = api("InterpolationScheduler", steps=2)
    graph["inner"] = api("LoopOpen", state=["begin", 0])
    graph |= round_of("i", ["inner", 1])
    graph["end"] = api("LoopClose", loop=["inner", 0], state=["si", 0])
    graph["so"]["inputs"]["clean"] = ["end", 1]
    graph["close"] = api("LoopClose", loop=["outer", 0], state=["so", 0])
    drawn = executor(graph)
    assert drawn.output("close").done
    assert drawn.ran["PredictClean"] == 3 * (1 + 2)


class EndLoop:
    """Stand-in for the native loops of newer ComfyUI: copies of the body, one value of any type carried through."""

    FUNCTION = "end"
    INPUT_TYPES = staticmethod(lambda: {"required": {}, "hidden": {"prompt": "DYNPROMPT", "node_id": "UNIQUE_ID"}})

    def end(self, prompt, node_id):
        plan = prompt.get_node(node_id)["plan"]
        carried, nodes = plan["initial"], {}
        for number in range(plan["rounds"]):
            nodes[f"iteration{number}"] = {"class_type": "LoopIteration", "inputs": {"value": carried}}
            names = {name: f"{number}_{name}" for name in plan["body"]}
            for name, copy in names.items():
                inputs = dict(plan["body"][name]["inputs"])
                for key, link in inputs.items():
                    if link == ["native", 0]:
                        inputs[key] = [f"iteration{number}", 0]
                    elif isinstance(link, list) and link[0] in names:
                        inputs[key] = [names[link[0]], link[1]]
                nodes[copy] = {"class_type": plan["body"][name]["class_type"], "inputs": inputs}
            carried = [names[plan["next"][0]], plan["next"][1]]
        return {"result": (carried,), "expand": nodes}


class LoopIteration:
    FUNCTION = "pass_on"
    INPUT_TYPES = staticmethod(lambda: {"required": {"value": ("*", {})}})

    def pass_on(self, value):
        return (value,)


@every
def test_native_loops_that_carry_one_value_through_a_copied_body(scheduler):
    """Our step nodes need nothing from their loop but the state: no ids, no hidden inputs, no memory in the nodes."""
    loop = whole(scheduler)
    plan = {
        "rounds": loop.output("start", 2),
        "initial": ["start", 0],
        "body": round_of("", ["native", 0]),
        "next": ["s", 0],
    }
    graph = begun(scheduler) | {"end": {"class_type": "EndLoop", "inputs": {}, "plan": plan}}
    drawn = executor(graph, EndLoop=EndLoop, LoopIteration=LoopIteration)
    final = drawn.output("end")
    assert final.done
    assert torch.equal(final.scheduler.view(final)[0].permute(0, 2, 3, 1), loop.output("loop"))
    for name in ("PredictClean", "SchedulerStep"):
        assert "hidden" not in NODE_CLASS_MAPPINGS["RealDenoise" + name].INPUT_TYPES()


def test_changing_a_late_step_runs_only_what_depends_on_it():
    graph = by_hand("DDPMScheduler", 4)
    graph["p2b"] = api("PredictClean", denoiser=["denoiser", 0], state=["s1", 0])
    graph["guided"] = api("GuidedPrediction", positive=["p2", 0], negative=["p2b", 0], scale=1.0)
    graph["s2"]["inputs"]["clean"] = ["guided", 0]
    runner = executor(graph)
    before = runner.output("s3", 1)
    assert runner.ran["SchedulerStep"] == 4
    again = runner.queue(graph)
    again.output("s3", 1)
    assert not again.ran, "nothing changed, nothing runs"
    graph["guided"] = api("GuidedPrediction", positive=["p2", 0], negative=["picture", 0], scale=2.0)
    changed = runner.queue(graph)
    after = changed.output("s3", 1)
    assert changed.ran == {"GuidedPrediction": 1, "SchedulerStep": 2, "PredictClean": 1}
    assert not torch.equal(before, after)


def test_generation_is_seeded_and_needs_no_picture():
    graph = begun("DDIMScheduler")
    graph["start"] = api(
        "StartDenoising", scheduler=["scheduler", 0], sigma=0.0, seed=3, width=8, height=6, batch_size=2
    )
    graph["loop"] = api("SampleLoop", denoiser=["denoiser", 0], state=["start", 0], keep_every=1)
    image, way = (executor(graph).output("loop", i) for i in (0, 1))
    assert image.shape == (2, 6, 8, 3) and way.shape == (2 * 5, 6, 8, 3)
    assert torch.equal(way[-2:], image)
    start = DDIMScheduler(4, eta=0.5).start_from_noise((2, 3, 6, 8), seed=3)
    assert torch.allclose(way[:2].permute(0, 3, 1, 2), start.x / 2 + 0.5, atol=1e-3)
    expected = run_loop(start, lambda x, level, monitor: Shrink()(x, level))
    assert torch.equal(image.permute(0, 3, 1, 2), expected.scheduler.view(expected)[0])


def test_condition_denoiser_equals_the_formula_wired_by_hand():
    """Guided Prediction on two predictions, step by step, against one guided denoiser in Sample Loop."""
    graph = begun("DDIMScheduler")
    graph["with"] = api("ConditionDenoiser", denoiser=["denoiser", 0], label="2")
    graph["without"] = api("ConditionDenoiser", denoiser=["denoiser", 0], label="1")
    graph["guided"] = api("ConditionDenoiser", denoiser=["denoiser", 0], label="2", negative_label="1", guidance=3.0)
    graph["loop"] = api("SampleLoop", denoiser=["guided", 0], state=["start", 0])
    state = ["start", 0]
    for n in range(4):
        graph[f"a{n}"] = api("PredictClean", denoiser=["with", 0], state=state)
        graph[f"b{n}"] = api("PredictClean", denoiser=["without", 0], state=state)
        graph[f"g{n}"] = api("GuidedPrediction", positive=[f"a{n}", 0], negative=[f"b{n}", 0], scale=3.0)
        graph[f"s{n}"] = api("SchedulerStep", state=state, clean=[f"g{n}", 0])
        state = [f"s{n}", 0]
    runner = executor(graph)
    assert torch.equal(runner.output("s3", 1), runner.output("loop"))


def test_a_state_is_described_in_plain_numbers():
    """Pure noise has a sigma of tens of thousands on the 0–255 scale."""
    state = DDIMScheduler(steps=3).start_from_noise((1, 3, 8, 8), seed=0)
    sigma = 255 * float(state.scheduler.view(state)[1].sigma)
    assert sigma > 10_000 and describe(state) == f"step 0 of 3 · sigma {sigma:.0f}"
    noisy = DDIMScheduler(steps=3).start(torch.full((1, 3, 8, 8), 0.5), sigma=25 / 255, seed=0)
    assert describe(noisy).startswith("step 0 of ") and "e" not in describe(noisy).split("sigma")[1]
