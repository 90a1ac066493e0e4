"""Workflows without ComfyUI: conversion, checks, lists, expansion, core nodes — each as ComfyUI has it."""

import json

import numpy as np
import pytest
import torch
from PIL import Image
from realdenoise import host
from realdenoise.headless.check import fits
from realdenoise.headless.convert import to_prompt
from realdenoise.headless.core_nodes import CORE_NODES, LoadImage, PreviewAny, SaveImage, file_prefix
from realdenoise.headless.execute import Executor
from realdenoise.headless.graph import WorkflowError
from realdenoise.headless.run import apply_setting, read_workflow, run_workflow


def make(name: str, inputs: dict, returns: tuple, function, **more) -> type:
    """A node class from a function of its inputs."""
    members = {
        "INPUT_TYPES": classmethod(lambda cls: inputs),
        "RETURN_TYPES": returns,
        "FUNCTION": "call",
        "call": lambda self, **arguments: function(**arguments),
    }
    return type(name, (), members | more)


SEEDED = {"required": {"seed": ("INT", {"default": 3}), "word": ("STRING", {"default": "a"})}}
NUMBER = {"required": {"value": ("INT", {"default": 0, "min": -5, "max": 100, "forceInput": True})}}
CLASSES = {
    **CORE_NODES,
    "Seeded": make("Seeded", SEEDED, ("INT", "STRING"), lambda seed, word: (seed, word)),
    "Double": make("Double", NUMBER, ("INT",), lambda value: (2 * value,)),
    "Show": make("Show", NUMBER, (), lambda value: {"ui": {"text": [str(value)]}}, OUTPUT_NODE=True),
    "Range": make("Range", {}, ("INT",), lambda: ([1, 2, 3],), OUTPUT_IS_LIST=(True,)),
    "Sum": make("Sum", NUMBER, ("INT",), lambda value: (sum(value),), INPUT_IS_LIST=True),
    "Choice": make(
        "Choice",
        {"required": {"which": (["x", "y"], {})}, "optional": {"scale": ("FLOAT", {"min": 0.0, "max": 1.0})}},
        ("STRING",),
        lambda which, scale=None: (which,),
    ),
}


def node(node_id: int, kind: str, inputs=(), outputs=("INT",), **more) -> dict:
    """A UI-format node; inputs are (name, type, link)."""
    entries = [{"name": name, "type": sort, "link": link} for name, sort, link in inputs]
    return {"id": node_id, "type": kind, "inputs": entries, "outputs": [{"type": sort} for sort in outputs], **more}


def graph(*nodes: dict, links=()) -> dict:
    return {"nodes": list(nodes), "links": [list(link) for link in links], "version": 0.4}


def chain(middle: dict) -> dict:
    """Seeded → middle → Show."""
    return graph(
        node(1, "Seeded", outputs=("INT", "STRING"), widgets_values=[7, "fixed", "b"]),
        middle,
        node(3, "Show", [("value", "INT", 2)], ()),
        links=[(1, 1, 0, 2, 0, "INT"), (2, 2, 0, 3, 0, "INT")],
    )


def convert(content: dict) -> dict:
    prompt = to_prompt(content, CLASSES)
    return {node_id: entry["inputs"] for node_id, entry in prompt.items()}


def run(prompt: dict) -> dict[str, list]:
    """What each output node shows."""
    return {key: ui["text"] for key, ui in Executor(prompt, CLASSES).run().shown.items()}


def api(**nodes: tuple) -> dict:
    """API format from (class, inputs)."""
    return {key: {"class_type": kind, "inputs": inputs} for key, (kind, inputs) in nodes.items()}


class TestConversion:
    def test_the_place_behind_a_seed_is_no_widget(self):
        assert convert(chain(node(2, "Double", [("value", "INT", 1)])))["1"] == {"seed": 7, "word": "b"}

    def test_a_missing_place_behind_a_seed_is_an_error_and_not_a_shift(self):
        with pytest.raises(WorkflowError, match="'Seeded' \\(node 1\\).*'b' behind a seed"):
            convert(graph(node(1, "Seeded", widgets_values=[7, "b"])))

    def test_values_that_an_old_file_lacks_take_their_defaults(self):
        assert convert(graph(node(1, "Seeded", widgets_values=[7])))["1"] == {"seed": 7, "word": "a"}

    def test_a_linked_widget_keeps_its_place(self):
        content = graph(
            node(1, "Seeded", [("seed", "INT", 5)], widgets_values=[7, "fixed", "b"]),
            node(2, "PrimitiveInt", widgets_values=[9, "fixed"]),
            links=[(5, 2, 0, 1, 0, "INT")],
        )
        assert convert(content)["1"] == {"seed": ["2", 0], "word": "b"}

    def test_reroutes_vanish(self):
        assert convert(chain(node(2, "Reroute", [("", "*", 1)], ("",))))["3"] == {"value": ["1", 0]}

    def test_a_primitive_gives_its_value(self):
        content = graph(
            node(1, "PrimitiveNode", widgets_values=[11, "fixed"]),
            node(3, "Show", [("value", "INT", 2)], ()),
            links=[(2, 1, 0, 3, 0, "INT")],
        )
        assert convert(content) == {"3": {"value": 11}}

    def test_notes_are_only_drawn(self):
        assert convert(graph(node(1, "MarkdownNote", widgets_values=["hello"]), node(2, "Note"))) == {}

    def test_a_bypassed_node_hands_on_its_input(self):
        assert convert(chain(node(2, "Double", [("value", "INT", 1)], mode=4)))["3"] == {"value": ["1", 0]}

    def test_a_bypassed_node_hands_on_the_input_of_the_type_that_is_wanted(self):
        content = graph(
            node(1, "Seeded", outputs=("INT", "STRING")),
            node(2, "Double", [("a", "STRING", 1), ("b", "INT", 2), ("c", "INT", None)], ("INT",), mode=4),
            node(3, "Show", [("value", "INT", 3)], ()),
            links=[(1, 1, 1, 2, 0, "STRING"), (2, 1, 0, 2, 1, "INT"), (3, 2, 0, 3, 0, "INT")],
        )
        assert convert(content)["3"] == {"value": ["1", 0]}

    def test_a_bypassed_node_without_a_fitting_input_hands_on_nothing(self):
        middle = node(2, "Double", [("value", "IMAGE", 1)], mode=4)
        assert convert(chain(middle))["3"] == {}

    def test_what_needs_a_muted_node_is_left_out(self):
        assert list(convert(chain(node(2, "Double", [("value", "INT", 1)], mode=2)))) == ["1"]

    def test_what_can_do_without_a_muted_node_stays(self):
        content = graph(
            node(1, "PrimitiveFloat", outputs=("FLOAT",), mode=2),
            node(2, "Choice", [("scale", "FLOAT", 1)], ("STRING",), widgets_values=["y"]),
            links=[(1, 1, 0, 2, 0, "FLOAT")],
        )
        assert convert(content) == {"2": {"which": "y"}}

    @pytest.mark.parametrize(
        "kind, message",
        [
            ("KSampler", "'Mine' \\(node 8\\) is of type KSampler"),
            ("0f7bc1ef-6d6c-4dcb-a2d6-2f2f47a3f0c1", "'Mine' \\(node 8\\) is a subgraph"),
            ("workflow>old", "'Mine' \\(node 8\\) is a subgraph"),
        ],
    )
    def test_foreign_nodes_are_named(self, kind, message):
        with pytest.raises(WorkflowError, match=message):
            convert(graph(node(8, kind, title="Mine")))
        if kind == "KSampler":
            with pytest.raises(WorkflowError, match=message):
                to_prompt({"8": {"class_type": kind, "inputs": {}, "_meta": {"title": "Mine"}}}, CLASSES)

    @pytest.mark.parametrize("content", [{}, {"a": 1}, {"a": {"class_type": "Show"}}, {"nodes": [{}]}])
    def test_other_json_is_no_workflow(self, content):
        with pytest.raises(WorkflowError, match="no (whole )?ComfyUI workflow"):
            to_prompt(content, CLASSES)

    def test_a_ring_of_reroutes_is_named(self):
        content = graph(
            node(1, "Reroute", [("", "*", 1)]), node(3, "Show", [("value", "INT", 2)], ()),
            links=[(1, 1, 0, 1, 0, "*"), (2, 1, 0, 3, 0, "*")],
        )  # fmt: skip
        with pytest.raises(WorkflowError, match="feeds itself"):
            convert(content)


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


class TestCoreNodes:
    @pytest.fixture(autouse=True)
    def folders(self, tmp_path):
        before = dict(host._plain_folders)
        host.set_folders(input=tmp_path / "input", output=tmp_path / "output")
        (tmp_path / "input").mkdir()
        yield
        host._plain_folders.clear()
        host._plain_folders.update(before)

    def test_load_image_without_alpha_has_a_small_empty_mask(self, tmp_path):
        Image.new("RGB", (7, 5), (10, 20, 30)).save(tmp_path / "input/x.png")
        image, mask = LoadImage().load("x.png")
        assert image.shape == (1, 5, 7, 3)
        assert torch.equal(image[0, 0, 0], torch.tensor([10, 20, 30]) / 255)
        assert mask.shape == (1, 64, 64) and not mask.any()

    def test_load_image_inverts_alpha(self, tmp_path):
        Image.new("RGBA", (7, 5), (10, 20, 30, 51)).save(tmp_path / "input/x.png")
        image, mask = LoadImage().load("x.png")
        assert image.shape == (1, 5, 7, 3)
        assert mask.shape == (1, 5, 7) and mask.unique().tolist() == pytest.approx([0.8])

    def test_load_image_takes_all_frames_and_turns_them(self, tmp_path):
        exif = Image.Exif()
        exif[0x0112] = 6
        Image.new("RGB", (7, 5)).save(tmp_path / "input/x.jpg", exif=exif)
        assert LoadImage().load("x.jpg")[0].shape == (1, 7, 5, 3)
        frames = [Image.new("RGB", (4, 4), colour) for colour in ("red", "blue")]
        frames[0].save(tmp_path / "input/x.webp", save_all=True, append_images=frames[1:], lossless=True)
        assert LoadImage().load("x.webp")[0][:, 0, 0].tolist() == [[1, 0, 0], [0, 0, 1]]

    @pytest.mark.parametrize("name", ["../x.png", "none.png"])
    def test_load_image_stays_in_its_folder(self, tmp_path, name):
        Image.new("RGB", (4, 4)).save(tmp_path / "x.png")
        with pytest.raises(ValueError, match="leads out|does not exist"):
            LoadImage().load(name)

    def test_save_image_truncates_numbers_and_describes(self, tmp_path):
        image = torch.full((2, 2, 3, 3), 0.9999)
        files = SaveImage().save(image, "sub/pic", prompt={"1": {}}, extra_pnginfo={"workflow": {"nodes": []}})
        again = SaveImage().save(image[:1], "sub/pic")
        names = [path.name for path in sorted((tmp_path / "output/sub").iterdir())]
        assert names == ["pic_00001_.png", "pic_00002_.png", "pic_00003_.png"]
        assert len(files["ui"]["files"]) == 2 and again["ui"]["files"][0].endswith("pic_00003_.png")
        with Image.open(tmp_path / "output/sub/pic_00001_.png") as saved:
            assert np.asarray(saved).max() == 254  # 0.9999·255 = 254.97, cut off as in ComfyUI
            assert json.loads(saved.text["prompt"]) == {"1": {}}
            assert json.loads(saved.text["workflow"]) == {"nodes": []}

    def test_save_image_stays_in_its_folder(self):
        with pytest.raises(ValueError, match="leads out"):
            SaveImage().save(torch.zeros(1, 2, 2, 3), "../out")

    def test_places_in_file_names_are_filled_in(self):
        assert file_prefix("%width%x%height%", 30, 20) == "30x20"
        year, month = file_prefix("%date:yyyy-MM%", 1, 1).split("-")
        assert (file_prefix("%year%", 1, 1), file_prefix("%month%", 1, 1)) == (year, month)

    def test_preview_any_writes_what_comfyui_writes(self):
        texts = [PreviewAny().show(value)["ui"]["text"][0] for value in ("a", 1, None, {"b": [1]})]
        assert texts == ["a", "1", "None", '{\n    "b": [\n        1\n    ]\n}']


class TestRun:
    def workflow(self, tmp_path, *, sample: bool) -> str:
        source = ("RealDenoiseSamplePhoto", {"picture": "cat", "iso": 0}) if sample else ("LoadImage", {"image": "-"})
        prompt = api(a=source, b=("SaveImage", {"images": ["a", 1 if sample else 0], "filename_prefix": "x"}))
        path = tmp_path / "w.json"
        path.write_text(json.dumps(prompt))
        return str(path)

    @pytest.mark.parametrize("sample", [True, False])
    def test_a_picture_takes_the_place_of_the_sample_or_of_load_image(self, tmp_path, sample):
        pixels = np.random.default_rng(0).integers(0, 256, (6, 9, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(tmp_path / "mine.png")
        remarks = []
        run_workflow(
            self.workflow(tmp_path, sample=sample),
            picture=tmp_path / "mine.png",
            output=tmp_path / "out",
            remark=remarks.append,
        )
        with Image.open(tmp_path / "out/x_00001_.png") as saved:
            assert np.array_equal(np.asarray(saved), pixels)
        assert len(remarks) == (1 if sample else 0)  # the clean twin was asked for, and there is none

    def test_settings_change_widgets_by_title_or_id(self):
        prompt = api(a=("LoadImage", {"image": "x"}), b=("SaveImage", {"images": ["a", 0], "filename_prefix": "p"}))
        prompt["b"]["_meta"] = {"title": "The end"}
        apply_setting(prompt, "The end.filename_prefix=a=b.c")
        apply_setting(prompt, "a.image=y.png")
        assert prompt["b"]["inputs"]["filename_prefix"] == "a=b.c"
        assert prompt["a"]["inputs"]["image"] == "y.png"

    @pytest.mark.parametrize(
        "setting, message",
        [
            ("nonsense", "must read"),
            ("Nobody.x=1", "neither title nor id"),
            ("b.x=1", "has no 'x', only images, filename_prefix"),
            ("b.images=1", "is connected to another node"),
        ],
    )
    def test_settings_that_do_not_fit(self, setting, message):
        prompt = api(a=("LoadImage", {"image": "x"}), b=("SaveImage", {"images": ["a", 0], "filename_prefix": "p"}))
        with pytest.raises(WorkflowError, match=message):
            apply_setting(prompt, setting)

    @pytest.mark.parametrize("content, message", [("{", "is no JSON file"), ("[1]", "holds a list")])
    def test_files_that_are_no_workflow(self, tmp_path, content, message):
        (tmp_path / "w.json").write_text(content)
        with pytest.raises(WorkflowError, match=message):
            read_workflow(tmp_path / "w.json")
        with pytest.raises(WorkflowError, match="does not exist"):
            read_workflow(tmp_path / "none.json")
