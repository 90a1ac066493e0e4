"""Translations say what the nodes say: all of it, nothing else, and with the same numbers."""

import json
import os
import re
from collections import Counter
from pathlib import Path

import locale_source
import pytest

LANGUAGES = sorted(path.name for path in locale_source.LOCALES.glob("*") if path.is_dir())
SUPPORTED = {"ar", "es", "fr", "ja", "ko", "pt-BR", "ru", "tr", "zh", "zh-TW"}  # by the front-end, beside English
PROMISED = {"es", "fr", "ja", "ko", "ru", "zh"}
SCRIPTS = {
    "ja": r"[\u3040-\u30ff\u4e00-\u9fff]",
    "ko": r"[\uac00-\ud7af]",
    "ru": r"[\u0400-\u04ff]",
    "zh": r"[\u4e00-\u9fff]",
}
SENTENCES = {**SCRIPTS, "ja": r"[\u3040-\u30ff]"}  # Japanese of any length has kana
FORBIDDEN = {"zh": r"[\u3040-\u30ff\uac00-\ud7af]", "ko": r"[\u3040-\u30ff]", "ja": r"[\uac00-\ud7af]"}
NAMES = json.loads(Path(__file__).with_name("locale_proper_names.json").read_text(encoding="utf-8"))
UPDATE = "REALDENOISE_TRANSLATED"
ENGLISH = dict(locale_source.texts(locale_source.english()))
CHOICES = locale_source.choices()


def names(language):
    return {name.casefold() for name in NAMES["*"] + NAMES.get(language, [])}


@pytest.fixture(params=LANGUAGES)
def language(request):
    return request.param


@pytest.fixture
def translated(language):
    return dict(locale_source.texts(locale_source.translation(language)))


@pytest.fixture
def pairs(translated):
    """(place, English, translation as it is shown) of all texts that have both."""
    return [
        (place, text, locale_source.shown(translated[place])) for place, text in ENGLISH.items() if place in translated
    ]


def test_languages_are_ones_that_are_read():
    assert set(LANGUAGES) <= SUPPORTED, "the front-end ignores the others; 'en' would hide the texts of the nodes"
    assert set(LANGUAGES) >= PROMISED


def test_everything_is_translated_and_nothing_else(translated):
    missing, superfluous = sorted(set(ENGLISH) - set(translated)), sorted(set(translated) - set(ENGLISH))
    assert (missing, superfluous) == ([], []), "python tests/locale_source.py LANGUAGE prints what is to be done"


def test_the_english_is_what_was_translated():
    """Who changes a text changes its translations: else they go on saying the old."""
    if os.environ.get(UPDATE):
        text = json.dumps(locale_source.english(), indent=1, ensure_ascii=False) + "\n"
        locale_source.TRANSLATED.write_text(text, encoding="utf-8")
    before = dict(locale_source.texts(json.loads(locale_source.TRANSLATED.read_text(encoding="utf-8"))))
    changed = sorted(place for place in set(before) | set(ENGLISH) if before.get(place) != ENGLISH.get(place))
    assert changed == [], f"translate these anew in locales/, then run this test once with {UPDATE}=1"


def test_files_are_in_order(language):
    """Sorted by node id, inputs as in the node, so that a change is seen as what it is."""
    for name, source in (("nodeDefs", locale_source.english_nodes()), ("main", locale_source.english_main())):
        text = (locale_source.LOCALES / language / f"{name}.json").read_text(encoding="utf-8")
        tree = json.loads(text)
        assert text == json.dumps(tree, indent=2, ensure_ascii=False) + "\n"
        assert [place for place, _ in locale_source.texts(tree)] == [place for place, _ in locale_source.texts(source)]


def test_texts_are_filled_and_trimmed(translated):
    bad = [place for place, text in translated.items() if not isinstance(text, str) or not text or text != text.strip()]
    assert bad == []


def test_nothing_is_left_in_english(language, pairs):
    known = names(language)
    same = [(place, text) for place, english, text in pairs if text.casefold() == english.casefold()]
    assert [(place, text) for place, text in same if text.casefold() not in known] == []
    own = {name.casefold() for name in NAMES.get(language, [])}
    assert own <= {text.casefold() for _, text in same}, "listed as a name, but translated"


def test_the_script_is_that_of_the_language(language, pairs):
    if language not in SCRIPTS:
        pytest.skip("Latin letters, as English")
    known = names(language)
    for place, english, text in pairs:
        script = SENTENCES if len(english) > 40 else SCRIPTS
        assert text.casefold() in known or re.search(script[language], text), (place, text)
        assert not re.search(FORBIDDEN.get(language, r"(?!)"), text), (place, text)


def test_numbers_are_kept(pairs):
    """0–255, 25, arXiv 2208.09392 …: every number of the English text occurs as often."""
    number = re.compile(r"\d+(?:\.\d+)?")
    lost = [(place, Counter(number.findall(english)) - Counter(number.findall(text))) for place, english, text in pairs]
    assert [entry for entry in lost if entry[1]] == []


def test_identifiers_are_kept(pairs):
    """File names, weights, options and placeholders are typed as they are, so they are not translated."""
    identifier = re.compile(
        r"\w*_\w+|(?:\.|\b\w+)/[\w…]+|\.(?:safetensors|pth)\b|\{\w+\}|pip install \w+|arXiv [\d.]*\d"
    )
    for place, english, text in pairs:
        if place[-1] == "name":
            continue
        words = [word for word in CHOICES.get(place, []) if re.search(rf"\b{re.escape(word)}\b", english)]
        lost = [word for word in identifier.findall(english) + words if word not in text]
        assert lost == [], (place, text)


def test_lines_and_full_stops_are_kept(pairs):
    for place, english, text in pairs:
        assert english.count("\n") == text.count("\n"), place
        assert english.endswith(".") == text.endswith((".", "。")), (place, text)


def test_messages_survive_the_message_format(translated):
    """Braces, @ and | mean something in the front-end's message format; {'{n}'} is how it writes {n}."""
    for place, text in translated.items():
        assert not re.search(r"[{}@|]", re.sub(r"\{'[^']*'\}", "", text)), (place, text)


def test_equal_labels_are_told_apart(language):
    """No two inputs, and no two outputs, of a node carry the same label."""
    for node_id, node in locale_source.translation(language).items():
        for side in ("inputs", "outputs"):
            labels = Counter(entry["name"] for entry in node.get(side, {}).values())
            assert [label for label, count in labels.items() if count > 1] == [], (language, node_id, side)


def test_node_names_are_told_apart(language):
    found = Counter(
        node["display_name"] for name, node in locale_source.translation(language).items() if name != "main"
    )
    assert [name for name, count in found.items() if count > 1] == []


def test_nodes_are_mentioned_by_their_translated_names(language, pairs):
    """'See Add Noise' must name what the user sees in the menu."""
    shorten = re.compile(r"\s*[(（].*")
    found = {english: text for place, english, text in pairs if place[-1] == "display_name"}
    short = {shorten.sub("", english): shorten.sub("", text) for english, text in found.items()}
    for place, english, text in pairs:
        if place[-1] in ("description", "tooltip"):
            mentioned = {name for name in short if re.search(rf"\b{re.escape(name)}\b", english)}
            assert [short[name] for name in mentioned if short[name] not in text] == [], (place, text)
