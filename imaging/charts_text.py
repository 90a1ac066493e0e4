"""Text for charts in the font that comes with Pillow, and the few mathematical signs that it lacks."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterator
from functools import lru_cache

from PIL import ImageDraw, ImageFont

CAPITAL = 0.70
"""Height of capitals and digits, in units of the font size."""
X_HEIGHT, STROKE = 0.54, 0.075
COVERED = frozenset(map(chr, range(32, 127))) | set("«°±´·»‘’“”…‹›⁄™")
SPELLED = {"–": "-", "—": "-", "\u00a0": " ", "\u202f": " ", "ß": "ss", "æ": "ae", "ø": "o", "ł": "l"}
SUPERSCRIPTS = dict(zip("⁰¹²³⁴⁵⁶⁷⁸⁹⁻", "0123456789-", strict=True))
GREEK = {"β": "beta", "γ": "gamma", "λ": "lambda", "κ": "kappa", "ε": "epsilon", "µ": "u", "μ": "u", "Δ": "delta "}

Pen = Callable[[ImageDraw.ImageDraw, float, float, float, tuple[int, int, int]], None]


@lru_cache(maxsize=64)
def _font(size: int) -> ImageFont.FreeTypeFont:
    return ImageFont.load_default(size)  # type: ignore[return-value]


def _sigma(draw: ImageDraw.ImageDraw, x: float, y: float, em: float, colour: tuple[int, int, int]) -> None:
    thick = STROKE * em
    top = y - X_HEIGHT * em
    draw.ellipse((x + 0.04 * em, top, x + 0.54 * em, y), outline=colour, width=round(thick))
    draw.rectangle((x + 0.29 * em, top, x + 0.62 * em, top + thick), fill=colour)


def _alpha(draw: ImageDraw.ImageDraw, x: float, y: float, em: float, colour: tuple[int, int, int]) -> None:
    thick = round(STROKE * em)
    draw.ellipse((x + 0.04 * em, y - X_HEIGHT * em, x + 0.50 * em, y), outline=colour, width=thick)
    bend = [(0.57, 0.54), (0.52, 0.38), (0.49, 0.24), (0.49, 0.12), (0.53, 0.05), (0.61, 0.04)]
    draw.line([(x + a * em, y - b * em) for a, b in bend], fill=colour, width=thick, joint="curve")


def _times(draw: ImageDraw.ImageDraw, x: float, y: float, em: float, colour: tuple[int, int, int]) -> None:
    left, right, low, high = x + 0.10 * em, x + 0.48 * em, y - 0.13 * em, y - 0.51 * em
    draw.line((left, low, right, high), fill=colour, width=round(STROKE * em))
    draw.line((left, high, right, low), fill=colour, width=round(STROKE * em))


def _minus(draw: ImageDraw.ImageDraw, x: float, y: float, em: float, colour: tuple[int, int, int]) -> None:
    middle = y - 0.32 * em
    draw.rectangle((x + 0.06 * em, middle - STROKE * em / 2, x + 0.50 * em, middle + STROKE * em / 2), fill=colour)


def _arrow(draw: ImageDraw.ImageDraw, x: float, y: float, em: float, colour: tuple[int, int, int]) -> None:
    middle, thick = y - 0.32 * em, round(STROKE * em)
    draw.line((x + 0.08 * em, middle, x + 0.80 * em, middle), fill=colour, width=thick)
    head = [(0.58, 0.20), (0.82, 0.0), (0.58, -0.20)]
    draw.line([(x + a * em, middle + b * em) for a, b in head], fill=colour, width=thick, joint="curve")


SIGNS: dict[str, tuple[float, Pen]] = {
    "σ": (0.64, _sigma),
    "α": (0.65, _alpha),
    "×": (0.58, _times),
    "−": (0.56, _minus),
    "→": (0.90, _arrow),
}
"""Signs drawn by hand: their width in units of the font size, and the pen."""


def spell(words: str) -> str:
    """`words` with every character this file cannot draw replaced by its nearest plain spelling, or by '?'."""
    known = COVERED | SIGNS.keys() | SUPERSCRIPTS.keys()
    spelled = []
    for character in words:
        if character in known:
            spelled.append(character)
            continue
        plain = SPELLED.get(character) or GREEK.get(character) or unicodedata.normalize("NFKD", character)
        plain = "".join(c for c in plain if not unicodedata.combining(c))
        spelled.append("".join(c if c in known else "?" for c in plain))
    return "".join(spelled)


def _runs(words: str, size: float) -> Iterator[tuple[str, float, float]]:
    """(text or sign, font size, width) in reading order; a superscript is set smaller."""
    plain = ""
    for character in [*spell(words), ""]:
        if character and character in COVERED:
            plain += character
            continue
        if plain:
            yield plain, size, _font(round(size)).getlength(plain)
            plain = ""
        if character in SIGNS:
            yield character, size, SIGNS[character][0] * size
        elif character:
            yield character, 0.62 * size, _font(round(0.62 * size)).getlength(SUPERSCRIPTS[character])


def width(words: str, size: float) -> float:
    """Width in pixels of `words` set at `size` pixels."""
    return sum(advance for _, _, advance in _runs(words, size))


def draw(
    surface: ImageDraw.ImageDraw, x: float, baseline: float, words: str, size: float, colour: tuple[int, int, int]
) -> None:
    """Set `words` from x rightwards on a baseline; `size` is the font size in pixels."""
    for run, em, advance in _runs(words, size):
        if run in SIGNS:
            SIGNS[run][1](surface, x, baseline, em, colour)
        elif run in SUPERSCRIPTS:
            surface.text(
                (x, baseline - 0.34 * size), SUPERSCRIPTS[run], fill=colour, font=_font(round(em)), anchor="ls"
            )
        else:
            surface.text((x, baseline), run, fill=colour, font=_font(round(em)), anchor="ls")
        x += advance
