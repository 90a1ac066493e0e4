"""The README tells the truth about what is in the pack."""

import contextlib
import io
import re
from pathlib import Path

from realdenoise.cli import main
from realdenoise.nodes import NODE_DISPLAY_NAME_MAPPINGS

COMMANDS = ("batch", "bench", "card", "compare", "denoise", "list", "quantise", "report", "run", "train")
ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")), *sorted((ROOT / "models" / "weights").glob("*.md"))]


def test_every_node_is_in_the_table_and_no_other():
    rows = [line.split("**")[1] for line in README.splitlines() if line.startswith("| ") and "**" in line]
    assert sorted(rows) == sorted(NODE_DISPLAY_NAME_MAPPINGS.values())


def test_commands_name_options_that_exist():
    """Every `realdenoise COMMAND … --option` of the text is one the command line knows."""
    texts = "\n".join(page.read_text(encoding="utf-8") for page in PAGES)
    lines = re.findall(rf"realdenoise ((?:{'|'.join(COMMANDS)})\b[^`\n#&]*)", texts)
    assert len(lines) > 20
    for line in lines:
        command, *words = line.split()
        with contextlib.redirect_stdout(io.StringIO()) as shown, contextlib.suppress(SystemExit):
            main([command, "--help"])
        for option in (word for word in words if word.startswith("--")):
            assert option in shown.getvalue(), line


def test_installation_comes_first():
    headings = [line for line in README.splitlines() if line.startswith("## ")]
    assert headings[0] == "## Installation in ComfyUI"


def test_nothing_is_left_to_fill_in():
    assert "@@" not in README
