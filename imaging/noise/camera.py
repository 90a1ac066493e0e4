"""Noise as a camera makes it: born in linear raw light, spread by demosaicing, bent by the sRGB curve."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..srgb import from_linear, to_linear
from .blur import gaussian_blur
from .compression import jpeg
from .kind import NoiseKind, in_range

BAYER = np.array([[0, 1], [1, 2]])
"""Which channel a sensor pixel sees: R G / G B."""
DAYLIGHT = (2.0, 1.0, 1.7)
ISO = 1e-6
"""Shot gain per ISO: 1e-4 at ISO 100, a small sensor whose pixels hold 10,000 electrons."""


@dataclass(frozen=True)
class Camera:
    """What happens to the light between the lens and the file.

    gains: white-balance multipliers of R, G, B; a gained channel is noisier. exposure: raw value of a white pixel in
    its green channel; below 1, the picture was taken darker and pushed. mosaic: whether pixels see one colour each.
    phase: row and column of the Bayer cell that the picture starts at. blur: standard deviation in pixels of the
    smoothing that the camera applies to its noise. quality: of the JPEG it writes; None = no compression.
    """

    gains: tuple[float, float, float] = DAYLIGHT
    exposure: float = 1.0
    mosaic: bool = True
    phase: tuple[int, int] = (0, 0)
    blur: float = 0.0
    quality: float | None = None


def random_camera(random: np.random.Generator) -> Camera:
    """A camera as varied as photographs on the web are; ranges of gains after Brooks et al. 2019."""
    return Camera(
        gains=(random.uniform(1.2, 2.4), 1.0, random.uniform(1.2, 2.4)),
        exposure=random.uniform(0.5, 1.0),
        mosaic=random.random() < 0.7,
        phase=(int(random.integers(2)), int(random.integers(2))),
        blur=random.uniform(0.3, 0.9) if random.random() < 0.3 else 0.0,
        quality=random.uniform(60, 98) if random.random() < 0.6 else None,
    )


def read_variance(shot: float) -> float:
    """Read-noise variance that goes with a shot gain: log b = 2.18·log a + 1.20 (Brooks et al. 2019, section 3.1)."""
    return float(np.exp(1.2) * shot**2.18)


def camera(
    clean: np.ndarray,
    shot: float,
    random: np.random.Generator,
    read: float | None = None,
    settings: Camera = Camera(),
) -> np.ndarray:
    """`clean` [H,W,C] sRGB in [0,1] as a camera would have taken it, clipped to [0,1].

    Shot and read noise of variance shot·signal + read in raw light (Foi et al. 2008), on a Bayer mosaic
    that is demosaiced bilinearly, so that neighbouring pixels share their noise. Only the noise is demosaiced: the
    picture keeps its detail. A gray picture is taken by a monochrome sensor: no mosaic, no white balance.

    Args:
        shot: variance of the shot noise at raw value 1. read: variance of the read noise; None = the usual one for
        this shot gain. settings: the rest of the camera.
    """
    shot = in_range(shot, "shot noise gain")
    read = read_variance(shot) if read is None else in_range(read, "read noise variance")
    colours = clean.shape[-1]
    gains = np.asarray(settings.gains if colours == 3 else (1.0,), dtype=np.float32) / np.float32(settings.exposure)
    linear = to_linear(clean)
    take = _mosaic_noise if settings.mosaic and colours == 3 else _plain_noise
    noise = take(linear / gains, shot, read, random, settings.phase)
    noise = gaussian_blur(noise, settings.blur)
    noisy = from_linear(linear + noise * gains)
    return noisy if settings.quality is None else jpeg(noisy, settings.quality)


def varied_camera(clean: np.ndarray, shot: float, random: np.random.Generator) -> np.ndarray:
    """`camera` with white balance, exposure, mosaic, blur and JPEG drawn anew for each frame."""
    return camera(clean, shot, random, settings=random_camera(random))


def _plain_noise(
    raw: np.ndarray, shot: float, read: float, random: np.random.Generator, phase: tuple[int, int]
) -> np.ndarray:
    """Every pixel sees every channel."""
    return random.standard_normal(raw.shape, dtype=np.float32) * np.sqrt(shot * raw + read)


def _mosaic_noise(
    raw: np.ndarray, shot: float, read: float, random: np.random.Generator, phase: tuple[int, int]
) -> np.ndarray:
    """Noise of a Bayer sensor after bilinear demosaicing, [H,W,3]; the sensor is one pixel larger on every side."""
    padded = np.pad(raw, ((1, 1), (1, 1), (0, 0)), mode="edge")
    height, width = padded.shape[:2]
    rows = (np.arange(height) + phase[0] - 1) % 2
    columns = (np.arange(width) + phase[1] - 1) % 2
    colour = BAYER[rows[:, None], columns[None, :]]
    seen = np.take_along_axis(padded, colour[..., None], axis=2)[..., 0]
    noise = random.standard_normal(seen.shape, dtype=np.float32) * np.sqrt(shot * seen + read)
    return np.stack([_interpolate(noise * (colour == c), green=c == 1) for c in range(3)], axis=-1)


def _interpolate(sparse: np.ndarray, green: bool) -> np.ndarray:
    """Bilinear demosaicing of one colour: [H+2,W+2] with zeros where it was not measured → [H,W]."""
    centre = sparse[1:-1, 1:-1]
    cross = sparse[:-2, 1:-1] + sparse[2:, 1:-1] + sparse[1:-1, :-2] + sparse[1:-1, 2:]
    if green:
        return centre + cross / 4
    diagonal = sparse[:-2, :-2] + sparse[:-2, 2:] + sparse[2:, :-2] + sparse[2:, 2:]
    return centre + cross / 2 + diagonal / 4


CAMERA = NoiseKind(
    name="camera",
    label="Camera",
    unit="ISO",
    tooltip="Shot and read noise of a small sensor in daylight, through Bayer mosaic, demosaicing and the sRGB curve: "
    "coloured, coarse-grained, stronger in the shadows. Clipped to the picture's range.",
    default=1600,
    minimum=0,
    maximum=102400,
    step=100,
    scale=ISO,
    draw=camera,
)
VARIED_CAMERA = NoiseKind(
    name="varied_camera",
    label="Camera, varied",
    unit="ISO",
    tooltip="As Camera, with white balance, exposure, demosaicing, in-camera smoothing and JPEG quality drawn at "
    "random for every frame: for training and for hard tests.",
    default=1600,
    minimum=0,
    maximum=102400,
    step=100,
    scale=ISO,
    draw=varied_camera,
)
