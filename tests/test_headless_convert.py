"""Workflow files of the editor become the prompts that ComfyUI would run."""

import pytest
from realdenoise.headless.convert import to_prompt
from realdenoise.headless.graph import WorkflowError
from small_nodes import CLASSES, chain, convert, graph, node


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

    def test_a_bypassed_node_without_outputs_hands_on_nothing(self):
        assert convert(chain({**node(2, "Double", [("value", "INT", 1)], mode=4), "outputs": None}))["3"] == {}

    def test_lists_that_are_null_are_empty(self):
        assert convert(graph({**node(1, "Seeded"), "inputs": None}, node(3, "Show", outputs=())))["3"] == {}
        plain = to_prompt({"1": {"class_type": "Seeded", "inputs": {}, "_meta": None}}, CLASSES)
        assert plain["1"]["_meta"] == {}

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
