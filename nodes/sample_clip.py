"""Sample Clip: a moving picture to denoise on a fresh install."""

from __future__ import annotations

from .. import host
from ..host_video import show_video, video_of
from ..imaging.noise import NOISE_KINDS, add_noise
from ..imaging.sample_clip import RATE, clip_frames
from ..imaging.sample_photos import CREDITS, credit
from ..imaging.video import write_video
from ..imaging.video_encoder import Encoding
from .common import answer
from .registry import node
from .samples import SEED
from .widgets import choice, integer

NEARLY_LOSSLESS = Encoding("libx264", quality=8)


@node("Sample Clip", category="Video", aliases=("example video", "test video", "demo clip", "noisy video"))
class SampleClip:
    """A pan over a photograph, with something moving in front of it."""

    DESCRIPTION = (
        "A short clip that comes with the pack, as a noisy camera takes it, and its clean twin: a slow pan over a "
        "photograph, with a disc moving in front of it."
    )
    RETURN_TYPES = ("VIDEO", "VIDEO", "STRING")
    RETURN_NAMES = ("noisy", "clean", "credit")
    OUTPUT_TOOLTIPS = (
        "The clip with camera noise, the same every time.",
        "The same clip without noise: the reference for Video Meter.",
        "Who took the photographs, and their licences.",
    )
    FUNCTION = "open"

    @classmethod
    def INPUT_TYPES(cls):  # noqa: N802
        """Inputs in the order of saved workflows: append only."""
        sensitivity = "Sensitivity of the imagined camera: higher is noisier, 0 is without noise."
        return {
            "required": {
                "picture": choice(["coffee", *(name for name in CREDITS if name != "coffee")], "The background."),
                "iso": integer(6400, 0, 102400, sensitivity),
                "frames": integer(16, 1, 240, f"Length; {RATE} frames are a second."),
            }
        }

    def open(self, picture, iso, frames):
        """Files of the temporary folder, named after the settings, which determine all but the encoder's rounding."""
        monitor = host.monitor()
        files = []
        for name, sensitivity in (("noisy", iso), ("clean", 0)):
            files.append(host.folder("temp") / f"realdenoise_{name}_{picture}_{sensitivity}_{frames}.mp4")
            write_video(self._frames(picture, frames, sensitivity, monitor), files[-1], RATE, encoding=NEARLY_LOSSLESS)
        text = credit(picture)
        return answer(text, *map(video_of, files), text, **show_video(files[0]))

    @staticmethod
    def _frames(picture, count, iso, monitor):
        for number, clean in enumerate(clip_frames(picture, count)):
            monitor.check()
            amount = NOISE_KINDS["camera"].amount(iso)
            yield (add_noise(clean, "camera", amount, SEED, first_frame=number) if iso else clean)[0]
