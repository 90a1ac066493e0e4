"""The help page of every node: written by hand where a person explains, generated where it can be."""

import importlib.util
import re
from pathlib import Path

import pytest
from PIL import Image
from realdenoise.nodes import NODE_CLASS_MAPPINGS, NODE_DISPLAY_NAME_MAPPINGS

ROOT = Path(__file__).resolve().parents[1]
PAGES = ROOT / "web" / "docs"
NODES = sorted(NODE_CLASS_MAPPINGS)
SOURCE = re.compile(r"arXiv \d{4}\.\d{4,5}|\b(19|20)\d\d\b|ITU-T")
NO_PAPER = {
    *("Compare", "CompareCrops", "DamageMask", "Ensemble", "LoadPhoto", "LoopClose", "LoopOpen", "SampleLoop"),
    *("SamplePhoto", "SaveDenoiser", "SavePhoto", "SchedulerStep", "SeamInspector", "TrajectoryStrip", "DenoiseImage"),
}
"""Nodes that show, store or repeat, and follow no paper of their own."""

_spec = importlib.util.spec_from_file_location("help_pages", ROOT / "docs" / "help_pages.py")
help_pages = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(help_pages)
LONGEST_WORD = 40
USED = help_pages.templates()


def text(node_id: str) -> str:
    return (PAGES / f"{node_id}.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("node_id", NODES)
def test_the_generated_part_is_what_the_definition_says(node_id, monkeypatch):
    monkeypatch.delenv("REALDENOISE_MODELS", raising=False)
    expected = help_pages.page(node_id, NODE_CLASS_MAPPINGS[node_id], USED.get(node_id, []))
    assert text(node_id) == expected, "run: python docs/help_pages.py"


def test_the_generated_part_follows_the_definition():
    """A changed range and a further output reach the page."""
    before = NODE_CLASS_MAPPINGS["RealDenoiseDenoiseImage"]

    class Changed(before):
        RETURN_TYPES = (*before.RETURN_TYPES, "FLOAT")
        RETURN_NAMES = (*before.RETURN_NAMES, "speed")
        OUTPUT_TOOLTIPS = (*before.OUTPUT_TOOLTIPS, "Megapixels per second.")

        @classmethod
        def INPUT_TYPES(cls):  # noqa: N802
            inputs = before.INPUT_TYPES()
            inputs["required"]["strength"][1]["max"] = 2.0
            return inputs

    old, new = (help_pages.section("RealDenoiseDenoiseImage", cls, ["a_b"]) for cls in (before, Changed))
    assert "(number, default 1.0, 0 to 1): " in old and "(number, default 1.0, 0 to 2): " in new
    assert "- **speed** (number): Megapixels per second." in new and "a b." in new


@pytest.mark.parametrize("node_id", NODES)
def test_nothing_is_wider_than_the_help_panel(node_id):
    """Tables, code blocks and long words do not wrap, so half of them would be out of sight."""
    page = text(node_id)
    assert not re.search(r"^\s*(\||```|    \S)", page, re.MULTILINE)
    words = re.sub(r"\]\([^)]*\)|<!--.*?-->", "]", page).split()
    assert len(max(words, key=len)) <= LONGEST_WORD, max(words, key=len)


@pytest.mark.parametrize("node_id", NODES)
def test_a_page_explains_shows_and_suggests(node_id):
    page = text(node_id)
    by_hand = page.split(help_pages.MARK)[0]
    title = NODE_DISPLAY_NAME_MAPPINGS[node_id].split(" (")[0]
    assert page.startswith(f"# {title}") and len(by_hand) > 250
    assert re.search(r"^## What to try\n.{20,}", page, re.MULTILINE), "what should a curious person do next?"
    assert node_id.removeprefix("RealDenoise") in NO_PAPER or SOURCE.search(by_hand), "which paper is this?"
    (picture,) = re.findall(r"!\[(?:[^\]]+)\]\(([^)]+)\)", page)
    with Image.open(PAGES / picture) as opened:
        assert 300 <= opened.width <= 800, "run: python docs/help_pictures.py"


def test_no_page_or_picture_is_left_over():
    assert {path.stem for path in PAGES.glob("*.md")} == {path.stem for path in (PAGES / "pictures").glob("*")}
    assert {path.stem for path in PAGES.glob("*.md")} == set(NODES)


@pytest.mark.parametrize("node_id", NODES)
def test_words_that_people_search_for(node_id):
    """Later releases of ComfyUI search SEARCH_ALIASES; they must add to the display name."""
    aliases = NODE_CLASS_MAPPINGS[node_id].SEARCH_ALIASES
    name = NODE_DISPLAY_NAME_MAPPINGS[node_id].lower()
    assert aliases and all(isinstance(word, str) and word == word.strip() for word in aliases)
    assert len({word.lower() for word in aliases}) == len(aliases)
    assert [word for word in aliases if word.lower() == name] == []


SEARCHES = {
    "diffusion": {"SampleLoop", "StartDenoising", "SchedulerStep", "DDPMScheduler", "RealWorldInterpolationSampler"},
    "sampler": {"SampleLoop", "RealWorldInterpolationSampler"},
    "film grain": {"AddNoise", "DenoiseImage", "DenoiseVideo"},
    "salt and pepper": {"AddNoise"},
    "psnr": {"PSNRMeter", "BenchmarkDenoisers", "NoiseLevelSweep", "VideoMeter"},
    "noise level": {"EstimateNoise", "NoiseLevelSweep"},
    "inpaint": {"KnownPixels", "DamageMask"},
    "lora": {"TrainDenoiser"},
}


@pytest.mark.parametrize("word", SEARCHES)
def test_a_search_finds(word):
    found = {
        node_id.removeprefix("RealDenoise")
        for node_id, cls in NODE_CLASS_MAPPINGS.items()
        if any(word in text.lower() for text in (NODE_DISPLAY_NAME_MAPPINGS[node_id], *cls.SEARCH_ALIASES))
    }
    assert SEARCHES[word] <= found
