"""A denoiser's card as text: what it is, what it was trained on, what it is bad at."""

from __future__ import annotations

from pathlib import Path

from .contract import Spec

CONDITIONING = {
    "none": "blind (finds the noise by itself)",
    "alpha": "blind (finds the noise by itself; position on the interpolation path)",
    "sigma": "must know sigma",
    "sigma_map": "must know sigma, as a number or a map",
    "timestep": "must know sigma (as a diffusion timestep)",
}
FIRST = ("paper", "recipe", "objective", "data", "license")
STRUCTURE = frozenset(
    {
        "architecture",
        "prediction",
        "conditioning",
        "halo",
        "halo_half",
        "config",
        "scheduler",
    }
)
"""Metadata that rebuilds the network; the facts a person wants from it are said in words instead."""


def summary(spec: Spec) -> str:
    """One line: name, architecture, planes, conditioning."""
    planes = "gray" if spec.channels == 1 else "RGB"
    return f"{spec.name} · {spec.architecture} · {planes} · {CONDITIONING[spec.conditioning]}"


def card_text(spec: Spec) -> str:
    """Several lines: the summary, the trained noise levels (0–255 scale), and the weight file's own words."""
    lines = [summary(spec)]
    if spec.sigma_range is not None:
        low, high = (255 * sigma for sigma in spec.sigma_range)
        lines.append(f"trained for sigma {low:g} to {high:g} (0–255 scale)")
    if spec.classes:
        lines.append(f"classes: 0 to {spec.classes - 1}")
    # safetensors hands metadata out in another order every time
    ordered = [key for key in FIRST if key in spec.card] + sorted(key for key in spec.card if key not in FIRST)
    lines += [f"{key}: {spec.card[key]}" for key in ordered if key not in STRUCTURE]
    return "\n".join(lines)


def full_card(spec: Spec, file: Path) -> str:
    """`card_text`, and the text beside the weight file (same name, ending .md) if somebody wrote one."""
    written = file.with_suffix(".md")
    facts = card_text(spec)
    return f"{facts}\n\n{written.read_text(encoding='utf-8', errors='replace')}" if written.is_file() else facts
