"""The README tells the truth about what is in the pack."""

from pathlib import Path

from realdenoise.nodes import NODE_DISPLAY_NAME_MAPPINGS

README = (Path(__file__).resolve().parents[1] / "README.md").read_text(encoding="utf-8")


def test_every_node_is_in_the_table_and_no_other():
    rows = [line.split("**")[1] for line in README.splitlines() if line.startswith("| ") and "**" in line]
    assert sorted(rows) == sorted(NODE_DISPLAY_NAME_MAPPINGS.values())


def test_nothing_is_left_to_fill_in():
    assert "@@" not in README
