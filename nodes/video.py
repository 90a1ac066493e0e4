"""Denoise Video: a clip of any length, frame by frame."""

from __future__ import annotations

import time
import uuid

from .. import host
from ..clips import denoise_video
from ..host_video import clip_of, show_video, video_of
from ..imaging.video_encoder import Encoding
from .common import SIGMA_SCALE, answer, sigma_input
from .registry import node
from .widgets import choice, integer, real

FORMATS = {
    "MP4, H.264": (".mp4", "libx264"),
    "MP4, AV1": (".mp4", "libsvtav1"),
    "WebM, VP9": (".webm", "libvpx-vp9"),
    "MKV, FFV1 (lossless)": (".mkv", "ffv1"),
}


@node("Denoise Video", category="Video", aliases=("video denoise", "clip", "flicker", "temporal", "film grain"))
class DenoiseVideo:
    """One frame in memory at a time."""

    DESCRIPTION = (
        "Removes the noise from a video of any length: frames are read, denoised and written one at a time, so that a "
        "long clip takes no more memory than a short one. Sound and frame rate stay as they are; the result can be "
        "steadied over time, following the motion, so that it flickers less."
    )
    RETURN_TYPES = ("VIDEO", "STRING")
    RETURN_NAMES = ("video", "report")
    OUTPUT_TOOLTIPS = (
        "The clean video, a file in the temporary folder: connect Save Video to keep it.",
        "What was done: sigma, frames, precision, device, seconds per frame.",
    )
    FUNCTION = "denoise"

    @classmethod
    def INPUT_TYPES(cls):  # noqa: N802
        """Inputs in the order of saved workflows: append only."""
        temporal = (
            "How much of the past goes into a frame where nothing but noise has changed: 0 = every frame for itself, "
            "higher = less flicker. Motion is followed; new content and cuts start afresh."
        )
        return {
            "required": {
                "denoiser": ("DENOISER", {"tooltip": "From Load Denoiser, or any node that makes one."}),
                "video": ("VIDEO", {"tooltip": "From Load Video, or a batch of pictures through Create Video."}),
                "sigma": sigma_input(),
                "strength": real(1.0, 0.0, 1.0, 0.01, "1 = the denoised video, 0 = the input; between, a blend."),
                "temporal": real(0.75, 0.0, 0.95, 0.05, temporal),
                "format": choice(list(FORMATS), "Container and codec. H.264 plays everywhere."),
                "quality": integer(
                    Encoding.quality, 0, 63, "The codec's CRF: lower is better and larger; 16 looks like the original."
                ),
            }
        }

    def denoise(self, denoiser, video, sigma, strength, temporal, format, quality):
        """The file gets a name of its own, so that ComfyUI may keep earlier results in its cache."""
        started = time.perf_counter()
        suffix, codec = FORMATS[format]
        target = host.folder("temp") / f"realdenoise_{uuid.uuid4().hex}{suffix}"
        monitor = host.monitor()
        count = denoise_video(
            clip_of(video),
            target,
            denoiser,
            sigma=sigma / SIGMA_SCALE if sigma > 0 else None,
            strength=strength,
            temporal=temporal,
            codec=codec,
            quality=quality,
            monitor=monitor,
        )
        per_frame = (time.perf_counter() - started) / count
        measured = monitor.notes.get("sigma")
        level = f"sigma {sigma:g}" if sigma > 0 else f"sigma {measured} (measured)" if measured else "blind"
        words = [f"{count} frames", f"temporal {temporal:g}" if temporal else "frame by frame"]
        words += [str(monitor.notes[name]) for name in ("precision", "device", "slow") if name in monitor.notes]
        if "left out" in monitor.notes:
            words.append(f"left out: {monitor.notes['left out']}")
        report = f"{denoiser.spec.name} · {level} · {format}\n{' · '.join(words)} · {per_frame:.2f} s per frame"
        return answer(report, video_of(target), report, **show_video(target))
