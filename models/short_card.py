"""A denoiser's card in a few lines, read off its file without loading the network: for the node before it has run."""

from __future__ import annotations

import math
import re
from dataclasses import replace
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open

from ..imaging.level import DenoiseError
from .card import summary
from .contract import Spec
from .diffusers_folder import locate
from .lora import METADATA as ADAPTER
from .quantise import unpack
from .registry import Weights, find

MOST_NUMBERS = 4
"""Rows of the written card's first table with PSNR; the whole card has them all."""
SETTING = 16
"""Most values of a tensor that is read: it may be a setting, such as the mean that RIDNet subtracts."""


def short_card(file: Path, spec: Spec | None = None) -> str:
    """What it is, the noise it is for, PSNR numbers, the licence: one line each, as far as the file says so.

    spec: of the loaded denoiser. Without it the head of safetensors is read, and of other files nothing but their size,
    so that this takes milliseconds.
    """
    spec = spec or _glance(file)
    if spec is None:
        return f"{file.stem} · {_size(file) / 1e6:.1f} MB · what it is will be recognised when it runs"
    beside = file.with_suffix(".md")
    written = beside.read_text(encoding="utf-8", errors="replace") if beside.is_file() else ""
    lines = [
        ("adapter", spec.card.get(ADAPTER, "")),
        ("noise", _paragraph(written, "Noise") or _trained_range(spec)),
        ("PSNR", "; ".join(_numbers(written)) or _validation(spec)),
        ("data", "" if written else spec.card.get("data", "")),
        ("licence", _licence(written) or spec.card.get("license", "")),
    ]
    first = summary(spec).replace("; position on the interpolation path", "")
    return "\n".join([first, *(f"{name}: {words}" for name, words in lines if words)])


def _size(file: Path) -> int:
    """Bytes of a file, or of the weights in a folder."""
    return sum(path.stat().st_size for path in (file.rglob("*") if file.is_dir() else (file,)) if path.is_file())


def _glance(file: Path) -> Spec | None:
    """What the names and shapes of the tensors say; None for files of no architecture of ours."""
    try:
        inside, configs = locate(file)
        with safe_open(str(inside), "pt") as opened:
            shapes = {key: opened.get_slice(key).get_shape() for key in opened.keys()}  # noqa: SIM118
            empty = unpack({key: torch.empty(shape, device="meta") for key, shape in shapes.items()})
            small = [key for key in empty if math.prod(shapes[key]) <= SETTING]
            weights = Weights(
                {**empty, **{key: opened.get_tensor(key) for key in small}}, {**(opened.metadata() or {}), **configs}
            )
        architecture = find(weights)
        if architecture is None:
            return None
        spec = architecture.spec(replace(weights, state=architecture.prepare(weights.state)))
    except (SafetensorError, DenoiseError, OSError, RuntimeError, LookupError, ValueError, TypeError, AttributeError):
        return None
    return replace(spec, name=file.stem, card=weights.metadata)


def _paragraph(written: str, heading: str) -> str:
    """The paragraph that begins with the bold word `heading`, as one line."""
    found = re.search(rf"^\*\*{heading}\.\*\* (.+?)(?:\n\n|\Z)", written, re.MULTILINE | re.DOTALL)
    return " ".join(found[1].split()) if found else ""


def _licence(written: str) -> str:
    """The licence of the weights, without the command to train anew, which the whole card names."""
    return _paragraph(written, "Licence").split("Weights: ")[-1].split(", as ")[0].rstrip(".")


def _numbers(written: str) -> list[str]:
    """PSNR by what was measured, from the first table of the written card; equal words are said once."""
    table = re.search(r"^\|(.+?)\|.*PSNR.*\n\|[-| ]+\n((?:\|.*\n?)+)", written, re.MULTILINE)
    if not table:
        return []
    # the set is named in the table's head, or in every row
    head = f"{table[1].strip()}, " if "CBSD68" in table[1] else ""
    found: dict[str, list[tuple[str, str]]] = {}
    for label, value in re.findall(r"^\| (.+?) \| (\d+\.\d+)\b", table[2], re.MULTILINE)[:MOST_NUMBERS]:
        words, _, last = label.rpartition(" ")
        found.setdefault(words, []).append((last, value))
    return [
        f"{'' if number else head}{words} {' / '.join(lasts)}: {' / '.join(values)} dB"
        for number, (words, pairs) in enumerate(found.items())
        for lasts, values in [tuple(zip(*pairs, strict=True))]
    ]


def _trained_range(spec: Spec) -> str:
    if spec.sigma_range is None:
        return ""
    low, high = (255 * sigma for sigma in spec.sigma_range)
    return f"sigma {low:g} to {high:g} (0–255 scale)"


def _validation(spec: Spec) -> str:
    value = spec.card.get("validation_psnr", "")
    return f"{value} dB on the validation pictures of its training" if value else ""
