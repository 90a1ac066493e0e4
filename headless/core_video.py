"""ComfyUI's own video nodes, as far as our workflows use them."""

from __future__ import annotations

import shutil
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import torch

from .. import host
from ..host_video import clip_of
from ..imaging.clip import Clip, FileClip, FrameClip
from ..imaging.deep_files import pyav
from ..imaging.files import next_number, writing
from ..imaging.names import to_save
from ..imaging.video import convert_video
from ..imaging.video_encoder import Encoding
from ..imaging.video_reader import read_video, understood
from .core_nodes import file_prefix, named, takes
from .graph import WorkflowError

CONTAINERS, CODECS = ("auto", "mp4"), ("auto", "h264")


class LoadVideo:
    """A video file of the input folder."""

    TITLE = "Load Video"
    RETURN_TYPES = ("VIDEO",)
    FUNCTION = "load"
    INPUT_TYPES = takes({"file": ("STRING", {"video_upload": True})})

    def load(self, file: str) -> tuple:
        """Nothing is read yet."""
        path = named(file)
        if not path.is_file():
            raise WorkflowError(f"video '{file}' does not exist in the input folder; give a file with --input.")
        return (FileClip(str(path)),)


class SaveVideo:
    """A numbered file in the output folder; tracks are copied as they are."""

    TITLE = "Save Video"
    RETURN_TYPES = ()
    FUNCTION = "save"
    OUTPUT_NODE = True
    INPUT_TYPES = takes(
        {
            "video": ("VIDEO", {}),
            "filename_prefix": ("STRING", {"default": "video/ComfyUI"}),
            "format": (list(CONTAINERS), {"default": "auto"}),
            "codec": (list(CODECS), {"default": "auto"}),
        }
    )

    def save(self, video: Clip, filename_prefix: str, format: str, codec: str) -> dict:
        """An .mp4, as in ComfyUI; frames in memory are encoded as H.264."""
        clip = clip_of(video)
        height, width = next(read_video(clip)).shape[1:3]
        first = to_save(host.folder("output"), file_prefix(filename_prefix, width, height))
        first.parent.mkdir(parents=True, exist_ok=True)
        target = first.parent / f"{first.name}_{next_number(first):05}_.mp4"
        if isinstance(clip, FrameClip) or clip.window != (0.0, 0.0):
            convert_video(clip, target, lambda image: image, codec="libx264", quality=Encoding.quality)
        else:
            _copy_tracks(clip, target)
        return {"ui": {"files": [str(target)]}}


def _copy_tracks(clip: FileClip, target: Path) -> None:
    av = pyav()
    with (
        understood(av, f"{clip.name} cannot be saved as '{target.name}'"),
        av.open(clip.opened()) as reader,
        writing(target) as temporary,
    ):
        if "mp4" in reader.format.name.split(",") and isinstance(clip.source, str):
            shutil.copyfile(clip.source, temporary)
            return
        with av.open(str(temporary), "w", format="mp4") as writer:
            tracks = {
                s.index: writer.add_stream_from_template(s) for s in reader.streams if s.type in ("video", "audio")
            }
            for packet in reader.demux():
                if packet.stream.index in tracks and packet.dts is not None:
                    packet.stream = tracks[packet.stream.index]
                    writer.mux(packet)


class CreateVideo:
    """Frames in memory, with a rate and perhaps sound."""

    TITLE = "Create Video"
    RETURN_TYPES = ("VIDEO",)
    FUNCTION = "create"
    INPUT_TYPES = takes(
        {"images": ("IMAGE", {}), "fps": ("FLOAT", {"default": 30.0, "min": 1.0, "max": 120.0, "step": 1.0})},
        optional={"audio": ("AUDIO", {})},
    )

    def create(self, images: torch.Tensor, fps: float, audio: Any = None) -> tuple:
        """Nothing is encoded yet."""
        return (FrameClip(images[..., :3], Fraction(fps).limit_denominator(1001), audio),)


class GetVideoComponents:
    """All frames of a clip in memory, its sound and its rate."""

    TITLE = "Get Video Components"
    RETURN_TYPES = ("IMAGE", "AUDIO", "FLOAT")
    FUNCTION = "split"
    INPUT_TYPES = takes({"video": ("VIDEO", {})})

    def split(self, video: Clip) -> tuple:
        """As much memory as the clip is long."""
        clip = clip_of(video)
        if isinstance(clip, FrameClip):
            return clip.images, clip.audio, float(clip.rate)
        av = pyav()
        with understood(av, f"{clip.name} cannot be read"), av.open(clip.opened()) as reader:
            rate = reader.streams.video[0].average_rate or Fraction(1)
            sound = next(iter(reader.streams.audio), None)
            audio = None if sound is None else _audio(reader, sound)
        return torch.cat(list(read_video(clip))), audio, float(rate)


def _audio(reader: Any, stream: Any) -> dict[str, Any] | None:
    planar = pyav().AudioResampler(format="fltp")  # PCM comes as whole numbers, its channels taking turns
    parts = [part.to_ndarray() for frame in reader.decode(stream) for part in planar.resample(frame)]
    if not parts:
        return None
    return {"waveform": torch.from_numpy(np.concatenate(parts, axis=1))[None], "sample_rate": stream.rate}


VIDEO_NODES: dict[str, type] = {
    "LoadVideo": LoadVideo,
    "SaveVideo": SaveVideo,
    "CreateVideo": CreateVideo,
    "GetVideoComponents": GetVideoComponents,
}
