"""Video, frame by frame: memory does not grow with the length, sound and timing stay as they are."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from .deep_files import pyav
from .files import PictureError, writing

VIDEO_SUFFIXES = (".mp4", ".mov", ".mkv", ".webm", ".avi")
FORMATS = {".mp4": "mp4", ".mov": "mov", ".mkv": "matroska", ".webm": "webm", ".avi": "avi"}
CODECS = {".webm": "libvpx-vp9"}
DEFAULT_CODEC = "libx264"


def convert_video(
    source: str | os.PathLike[str],
    target: str | os.PathLike[str],
    change: Callable[[Tensor], Tensor],
    *,
    codec: str | None = None,
    quality: int = 16,
    on_frame: Callable[[int, int], None] | None = None,
) -> int:
    """Run every frame of a video through `change` and write it again; returns the number of frames.

    Args:
        change: [1,H,W,3] in [0,1] → the same.
        codec: an FFmpeg encoder; None = H.264, in WebM VP9. quality: its CRF, lower is better and larger.
        on_frame: told (frames done, frames expected or 0).

    Raises:
        PictureError: no video, damaged, no such codec, or a codec the container does not take.
        DenoiseError: PyAV is missing. OSError: missing or not writable.
    """
    av, source, target = pyav(), Path(source), Path(target)
    suffix = target.suffix.lower()
    if suffix not in FORMATS:
        raise PictureError(f"'{target}' ends in no known video format; use {', '.join(FORMATS)}.")
    try:
        turns = _quarter_turns(av, source)
        name = codec or CODECS.get(suffix, DEFAULT_CODEC)
        with (
            av.open(str(source)) as reader,
            writing(target) as temporary,
            av.open(str(temporary), "w", format=FORMATS[suffix]) as writer,
        ):
            return _Converter(av, reader, writer, name, quality, change, turns).run(on_frame)
    except FileNotFoundError:
        raise
    except (av.error.FFmpegError, av.codec.codec.UnknownCodecError) as error:
        raise PictureError(f"'{source}' cannot be converted to '{target.name}' ({error}).") from error


def _quarter_turns(av: Any, source: Path) -> int:
    """Counter-clockwise quarter turns that a player makes, as phones ask for."""
    with av.open(str(source)) as reader:
        if not reader.streams.video:
            raise PictureError(f"'{source}' has no picture track.")
        first = next(reader.decode(video=0), None)
        if first is None:
            raise PictureError(f"'{source}' has no frame.")
        return round(first.rotation / 90) % 4


class _Converter:
    """One pass: decoded, changed and encoded packet by packet; sound is copied as it is."""

    def __init__(
        self, av: Any, reader: Any, writer: Any, codec: str, quality: int, change: Callable, turns: int
    ) -> None:
        self._av, self._reader, self._writer, self._change, self._turns = av, reader, writer, change, turns
        self._video = reader.streams.video[0]
        self._codec, self._quality = codec, quality
        self._copies = {
            stream.index: writer.add_stream_from_template(stream) for stream in reader.streams if stream.type == "audio"
        }
        self._encoder = self._new_encoder()

    def run(self, on_frame: Callable[[int, int], None] | None) -> int:
        wanted = [self._video, *(s for s in self._reader.streams if s.index in self._copies)]
        count = 0
        for packet in self._reader.demux(wanted):
            if packet.stream.index in self._copies:
                if packet.dts is not None:
                    packet.stream = self._copies[packet.stream.index]
                    self._writer.mux(packet)
                continue
            for frame in packet.decode():
                self._writer.mux(self._encoder.encode(self._changed(frame)))
                count += 1
                if on_frame is not None:
                    on_frame(count, self._video.frames)
        self._writer.mux(self._encoder.encode(None))
        return count

    def _new_encoder(self) -> Any:
        video = self._video
        encoder = self._writer.add_stream(self._codec, rate=video.average_rate or 25)
        size = (video.width, video.height)
        encoder.width, encoder.height = size[::-1] if self._turns % 2 else size
        known = {layout.name for layout in encoder.codec_context.codec.video_formats or ()}
        encoder.pix_fmt = video.pix_fmt if video.pix_fmt in known else "yuv420p"
        encoder.codec_context.time_base = video.time_base
        encoder.options = {"crf": str(self._quality), **({"b": "0"} if "vp9" in self._codec else {})}
        for name in ("colorspace", "color_range", "color_primaries", "color_trc"):
            setattr(encoder.codec_context, name, getattr(video.codec_context, name))
        return encoder

    def _changed(self, frame: Any) -> Any:
        deep = any(component.bits > 8 for component in frame.format.components)
        layout, top = ("rgb48le", 65535) if deep else ("rgb24", 255)
        levels = torch.from_numpy(frame.to_ndarray(format=layout).astype(np.float32) / top)
        upright = torch.rot90(levels, self._turns, (0, 1)).contiguous()
        clean = self._change(upright[None])[0].clamp(0, 1).mul(top).round().numpy()
        result = self._av.VideoFrame.from_ndarray(clean.astype(np.uint16 if deep else np.uint8), format=layout)
        result = result.reformat(
            format=self._encoder.pix_fmt, dst_colorspace=frame.colorspace, dst_color_range=frame.color_range
        )
        result.pts, result.time_base = frame.pts, frame.time_base
        return result
