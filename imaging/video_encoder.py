"""The writing half of a video: one encoder for the pictures, sound copied or converted."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
from torch import Tensor

from .deep_files import pyav
from .files import PictureError
from .video_reader import bits_of

FORMATS = {".mp4": "mp4", ".mov": "mov", ".mkv": "matroska", ".webm": "webm", ".avi": "avi"}
"""File name endings and what FFmpeg calls them."""
CODECS = {".webm": "libvpx-vp9"}
DEFAULT_CODEC = "libx264"
LOSSLESS = ("ffv1",)
QUALITY = 16
BT709, LIMITED_RANGE = 1, 1
SAFE_LAYOUT, WHOLE_LAYOUT = "yuv420p", "bgr0"
"""The pixel format that every player knows, and the one that keeps every level of RGB."""


@dataclass(frozen=True)
class Encoding:
    """codec: an FFmpeg encoder; None = H.264, in WebM VP9. quality: its CRF, lower is better and larger."""

    codec: str | None = None
    quality: int = QUALITY

    def encoder(self, suffix: str) -> str:
        """The encoder for a file of this ending. PictureError when FFmpeg has none of that name for pictures."""
        name = self.codec or CODECS.get(suffix, DEFAULT_CODEC)
        try:
            known = pyav().codec.Codec(name, "w").type == "video"
        except ValueError:  # PyAV: unknown
            known = False
        if not known:
            raise PictureError(f"codec '{name}' is no video encoder of this FFmpeg; try {DEFAULT_CODEC}.")
        return name

    def options(self, encoder: str) -> dict[str, str]:
        """What FFmpeg is told beside size and timing; a codec without loss has no quality to choose."""
        if encoder in LOSSLESS:
            return {"level": "3"}
        return {"crf": str(self.quality), **({"b": "0"} if "vp9" in encoder else {})}


def add_video(
    writer: Any, encoder: str, encoding: Encoding, size: tuple[int, int], rate: Fraction, layout: str = SAFE_LAYOUT
) -> Any:
    """A picture track of `size` (width, height); its pixel format is `layout` if the encoder has it."""
    stream = writer.add_stream(encoder, rate=rate)
    known = {found.name for found in stream.codec_context.codec.video_formats or ()}
    stream.width, stream.height = size
    stream.pix_fmt = layout if layout in known else SAFE_LAYOUT
    stream.options = encoding.options(encoder)
    return stream


def frame_of(av: Any, pixels: Tensor, stream: Any, colorspace: Any = BT709, color_range: Any = LIMITED_RANGE) -> Any:
    """[H,W,3] in [0,1] → a frame for the stream, rounded at the depth of its pixel format."""
    layout, top = bits_of(av.VideoFormat(stream.pix_fmt))
    levels = pixels.float().clamp(0, 1).mul(top).round().cpu().numpy().astype(np.uint16 if top > 255 else np.uint8)
    frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(levels), format=layout)
    return frame.reformat(format=stream.pix_fmt, dst_colorspace=colorspace, dst_color_range=color_range)


def add_sound(writer: Any, rate: int, layout: str) -> Any:
    """A sound track in the container's usual codec, at `rate` if the codec has it."""
    stream = writer.add_stream(writer.default_audio_codec, rate=rate, layout=layout)
    rates = stream.codec_context.codec.audio_rates
    if rates and rate not in rates:
        stream.rate = max(rates)
    return stream


class SoundTrack:
    """One sound track on its way from a reader to a writer: copied, or converted if the container cannot hold it."""

    def __init__(self, writer: Any, source: Any) -> None:
        self._writer, self._copied = writer, source.codec.canonical_name in writer.supported_codecs
        if self._copied:
            self._stream = writer.add_stream_from_template(source)
        else:
            self._stream = add_sound(writer, source.rate, source.layout.name)

    def put(self, packet: Any, shift: Fraction) -> None:
        """The next packet, `shift` seconds earlier than it says."""
        if self._copied:
            if packet.dts is not None:
                _earlier(packet, shift)
                packet.stream = self._stream
                self._writer.mux(packet)
            return
        for frame in packet.decode():
            _earlier(frame, shift)
            self._writer.mux(self._stream.encode(frame))

    def close(self) -> None:
        """Write what the encoder still holds."""
        if not self._copied:
            self._writer.mux(self._stream.encode(None))


def _earlier(item: Any, shift: Fraction) -> None:
    if shift and item.pts is not None:
        steps = round(shift / item.time_base)
        item.pts -= steps
        if item.dts is not None and hasattr(item, "stream"):
            item.dts -= steps


def put_waveform(av: Any, writer: Any, stream: Any, waveform: Tensor, rate: int) -> None:
    """Encode [channels,samples] in [−1,1], a second at a time."""
    for start, part in _seconds(waveform, rate):
        values = np.ascontiguousarray(part.float().cpu().numpy())
        frame = av.AudioFrame.from_ndarray(values, format="fltp", layout=stream.layout.name)
        frame.sample_rate, frame.pts, frame.time_base = rate, start, Fraction(1, rate)
        writer.mux(stream.encode(frame))
    writer.mux(stream.encode(None))


def _seconds(waveform: Tensor, rate: int) -> Iterator[tuple[int, Tensor]]:
    for start in range(0, waveform.shape[-1], rate):
        yield start, waveform[:, start : start + rate]
