"""Prompts are checked and run without ComfyUI as ComfyUI does it: inputs, lists, expansion, errors."""

import pytest
import torch
from realdenoise.headless.check import fits
from realdenoise.headless.execute import Executor
from realdenoise.headless.graph import WorkflowError
from small_nodes import CLASSES, NUMBER, api, make, run


class TestChecks:
    @pytest.mark.parametrize(
        "inputs, message",
        [
            ({}, "input 'value' is missing"),
            ({"value": -6}, "is -6, but must be at least -5"),
            ({"value": 101}, "must be at most 100"),
            ({"value": "x"}, "must be of type INT"),
            ({"value": ["9", 0]}, "comes from node 9, which is not in the workflow"),
            ({"value": ["b", 0]}, "needs INT, but STRING is connected"),
            ({"value": ["b", 7]}, "comes from output 7"),
            ({"value": [1, 2, 3]}, "is a list"),
        ],
    )
    def test_wrong_inputs_are_refused_before_anything_runs(self, inputs, message):
        prompt = api(a=("Show", inputs), b=("Choice", {"which": "x"}))
        with pytest.raises(WorkflowError, match=message) as caught:
            run(prompt)
        assert str(caught.value).startswith("'Show' (node a)")

    def test_a_choice_must_be_in_its_list(self):
        prompt = api(a=("Choice", {"which": "z"}), b=("PreviewAny", {"source": ["a", 0]}))
        with pytest.raises(WorkflowError, match="is 'z'; choose one of x, y"):
            run(prompt)

    def test_values_are_converted_as_comfyui_converts_them(self):
        assert run(api(a=("Show", {"value": "12"})))["a"] == ["12"]
        assert run(api(a=("Show", {"value": 12.9})))["a"] == ["12"]

    def test_what_no_output_needs_is_not_checked(self):
        assert run(api(a=("Show", {"value": 1}), b=("Double", {})))["a"] == ["1"]

    def test_a_node_may_refuse_its_inputs(self):
        seen = []

        def validate(cls, value, input_types):
            seen.append((value, input_types))
            return "value must be odd"

        picky = make("Picky", NUMBER, (), lambda value: {}, OUTPUT_NODE=True, VALIDATE_INPUTS=classmethod(validate))
        prompt = api(a=("Picky", {"value": ["b", 0]}), b=("Choice", {"which": "x"}))
        with pytest.raises(WorkflowError, match="'Picky' \\(node a\\): value must be odd"):
            Executor(prompt, CLASSES | {"Picky": picky}).run()
        assert seen == [(None, {"value": "STRING"})]  # linked values are not known yet, and types are left to it

    @pytest.mark.parametrize(
        "given, wanted, expected",
        [
            ("INT", "INT", True),
            ("INT", "FLOAT", False),
            ("INT", "FLOAT,INT", True),
            ("*", "IMAGE", True),
            (["a"], "COMBO", True),
            (["a"], "STRING", False),
            (["a"], ["a"], True),
        ],
    )
    def test_types(self, given, wanted, expected):
        assert fits(given, wanted) is expected


class TestExecution:
    def test_each_node_runs_once(self):
        calls = []
        count = make("Count", {}, ("INT",), lambda: calls.append(1) or (5,))
        prompt = api(n=("Count", {}), a=("Show", {"value": ["n", 0]}), b=("Show", {"value": ["n", 0]}))
        assert Executor(prompt, CLASSES | {"Count": count}).run().shown["b"] == {"text": ["5"]}
        assert calls == [1]

    def test_a_node_runs_for_every_element_of_a_list(self):
        prompt = api(
            r=("Range", {}),
            d=("Double", {"value": ["r", 0]}),
            s=("Sum", {"value": ["d", 0]}),
            each=("Show", {"value": ["d", 0]}),
            total=("Show", {"value": ["s", 0]}),
        )
        assert run(prompt) == {"each": ["2", "4", "6"], "total": ["12"]}

    def test_a_shorter_input_repeats_its_last_element(self):
        pair = {"required": {"a": ("INT", {}), "b": ("INT", {})}}
        add = make("Add", pair, ("INT",), lambda a, b: (a + b,))
        prompt = api(r=("Range", {}), p=("Add", {"a": ["r", 0], "b": 10}), o=("Show", {"value": ["p", 0]}))
        assert Executor(prompt, CLASSES | {"Add": add}).run().shown["o"] == {"text": ["11", "12", "13"]}

    def test_expansion_replaces_a_node_by_others(self):
        def power(value):
            nodes = {f"p.{i}": {"class_type": "Double", "inputs": {"value": [f"p.{i - 1}", 0]}} for i in range(1, 2000)}
            nodes["p.0"] = {"class_type": "Double", "inputs": {"value": 0}}
            nodes["p.show"] = {"class_type": "Show", "inputs": {"value": 42}, "override_display_id": "e"}
            return {"result": (["p.1999", 0],), "expand": nodes}

        expand = make("Expand", NUMBER, ("INT",), power)
        prompt = api(e=("Expand", {"value": 1}), o=("Show", {"value": ["e", 0]}))
        shown = Executor(prompt, CLASSES | {"Expand": expand}).run().shown
        assert shown["o"] == {"text": ["0"]}
        assert shown["p.show"] == {"text": ["42"]}  # output nodes among the new ones run too

    def test_expansion_for_every_element_of_a_list(self):
        def twice(value):
            inner = f"x.{value}"
            return {"result": ([inner, 0],), "expand": {inner: {"class_type": "Double", "inputs": {"value": value}}}}

        expand = make("Expand", NUMBER, ("INT",), twice)
        prompt = api(r=("Range", {}), e=("Expand", {"value": ["r", 0]}), o=("Show", {"value": ["e", 0]}))
        assert Executor(prompt, CLASSES | {"Expand": expand}).run().shown["o"] == {"text": ["2", "4", "6"]}

    def test_hidden_inputs(self):
        groups = {"hidden": {"me": "UNIQUE_ID", "prompt": "PROMPT", "extra": "EXTRA_PNGINFO", "graph": "DYNPROMPT"}}
        seen = {}
        spy = make("Spy", groups, (), lambda **hidden: seen.update(hidden) or {}, OUTPUT_NODE=True)
        prompt = api(a=("Spy", {}))
        Executor(prompt, {"Spy": spy}, {"workflow": 1}).run()
        assert (seen["me"], seen["prompt"], seen["extra"]) == ("a", prompt, {"workflow": 1})
        assert seen["graph"].all_node_ids() == {"a"}

    def test_nodes_run_in_inference_mode(self):
        modes = []
        spy = make("Spy", {}, (), lambda: modes.append(torch.is_inference_mode_enabled()) or {}, OUTPUT_NODE=True)
        Executor(api(a=("Spy", {})), {"Spy": spy}).run()
        assert modes == [True]

    def test_an_error_names_its_node(self):
        def fail():
            raise ValueError("sigma must not be negative.")

        bad = make("Bad", {}, (), fail, OUTPUT_NODE=True)
        prompt = {"4": {"class_type": "Bad", "inputs": {}, "_meta": {"title": "My node"}}}
        with pytest.raises(WorkflowError, match="^'My node' \\(node 4\\): sigma must not be negative.$"):
            Executor(prompt, {"Bad": bad}).run()

    def test_a_ring_is_named(self):
        prompt = api(
            a=("Double", {"value": ["b", 0]}), b=("Double", {"value": ["a", 0]}), o=("Show", {"value": ["b", 0]})
        )
        with pytest.raises(WorkflowError, match="depends on itself"):
            run(prompt)

    def test_a_workflow_needs_an_output(self):
        with pytest.raises(WorkflowError, match="no output node"):
            run(api(a=("Range", {})))
