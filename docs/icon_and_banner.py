"""Draws docs/icon.png and docs/banner.jpg, which ComfyUI's registry shows: noise that clears up from left to right.

Run from the repository: python docs/icon_and_banner.py
"""

from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

HERE = Path(__file__).resolve().parent
ICON, BANNER = 400, (1260, 540)
SKY, GLOW, SUN, HILLS = (24, 38, 84), (246, 146, 92), (255, 226, 150), ((72, 62, 120), (44, 46, 98), (20, 28, 66))
OVERSAMPLE = 4


def scene(width: int, height: int) -> np.ndarray:
    """A sun above three hills, [H,W,3] in [0,1]."""
    y = np.linspace(0, 1, height)[:, None, None]
    picture = (1 - y**0.8) * np.array(SKY) + y**0.8 * np.array(GLOW) + np.zeros((height, width, 3))
    x = np.arange(width)[None, :] / height
    rows = np.arange(height)[:, None] / height
    distance = np.hypot(x - 0.56 * width / height, rows - 0.42)
    halo = np.exp(-((distance / 0.34) ** 2))[..., None]
    picture += 0.45 * halo * (np.array(SUN) - picture)
    picture[distance < 0.17] = SUN
    for colour, base, size, pace, shift in zip(
        HILLS, (0.62, 0.72, 0.84), (0.07, 0.06, 0.05), (5, 7, 4), (0.4, 2.2, 4.0), strict=True
    ):
        edge = base + size * np.sin(pace * x + shift) + 0.3 * size * np.sin(2.7 * pace * x + shift)
        picture[rows > edge] = colour
    return picture / 255


def clearing(picture: np.ndarray, begin: float, end: float, sigma: float) -> np.ndarray:
    """Gaussian noise at the left edge that fades away between two places, given as shares of the width."""
    width = picture.shape[1]
    fade = np.clip((end - np.linspace(0, 1, width)) / (end - begin), 0, 1) ** 1.5
    noise = np.random.default_rng(0).normal(0, sigma, picture.shape)
    return np.clip(picture + noise * fade[None, :, None], 0, 1)


def smooth_scene(width: int, height: int) -> np.ndarray:
    """The scene without jagged edges."""
    large = Image.fromarray((scene(width * OVERSAMPLE, height * OVERSAMPLE) * 255).round().astype(np.uint8))
    return np.asarray(large.resize((width, height), Image.Resampling.BOX), np.float64) / 255


def to_image(picture: np.ndarray) -> Image.Image:
    return Image.fromarray((picture * 255).round().astype(np.uint8))


def icon() -> Image.Image:
    """A rounded square; the grain ends at a thin line, as under a slider."""
    picture = to_image(clearing(smooth_scene(ICON, ICON), 0.42, 0.62, 0.24)).convert("RGBA")
    mask = Image.new("L", (ICON * OVERSAMPLE, ICON * OVERSAMPLE), 0)
    ImageDraw.Draw(mask).rounded_rectangle((0, 0, mask.width - 1, mask.height - 1), 76 * OVERSAMPLE, 255)
    picture.putalpha(mask.resize((ICON, ICON), Image.Resampling.LANCZOS))
    return picture


def banner() -> Image.Image:
    """The same scene, wide, with the name."""
    picture = to_image(clearing(smooth_scene(*BANNER), 0.15, 0.62, 0.3))
    draw = ImageDraw.Draw(picture)
    for words, size, height in (("realdenoise", 96, 392), ("image denoising, opened up", 40, 476)):
        font = ImageFont.load_default(size)
        draw.text((1204, height), words, font=font, fill="white", anchor="rm", stroke_width=2, stroke_fill=HILLS[2])
    return picture


def main() -> None:
    icon().save(HERE / "icon.png", optimize=True)
    banner().save(HERE / "banner.jpg", quality=86)


if __name__ == "__main__":
    main()
