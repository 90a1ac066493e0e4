"""The writing half of a video: one encoder for the pictures, sound copied or converted."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
import torch
from torch import Tensor

from .deep_files import pyav
from .files import PictureError
from .video_extras import is_taken, keep_track_words
from .video_fit import BT709, LIMITED_RANGE, SAFE_LAYOUT, check_size, layout_for
from .video_reader import bits_of
from .yuv import frame_with, is_planar

FORMATS = {".mp4": "mp4", ".mov": "mov", ".mkv": "matroska", ".webm": "webm", ".avi": "avi"}
"""File name endings and what FFmpeg calls them."""
CODECS = {".webm": "libvpx-vp9"}
DEFAULT_CODEC = "libx264"
LOSSLESS = ("ffv1",)
QUALITY = 16
WITH_CRF = ("libx264", "libx264rgb", "libx265", "libsvtav1", "libvpx", "libvpx-vp9", "libaom-av1")
"""For PyAV before 18, which cannot tell."""
QUANTISERS, LAMBDA = (1, 31), 118
"""Range of the scale of encoders without a CRF, and how FFmpeg counts it."""


@dataclass(frozen=True)
class Encoding:
    """codec: an FFmpeg encoder; None = H.264, in WebM VP9. quality: its CRF, lower is better and larger.

    An encoder without CRF gets that number as its QP, or else the quantiser scale (qscale) whose steps are as coarse.
    """

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
        scales = _scales(encoder)
        if scales:
            return {scales[0]: str(self.quality), **({"b": "0"} if "vp9" in encoder else {})}
        scale = str(self._quantiser())  # some encoders listen to the limits, some to the quality
        return {"qmin": scale, "qmax": scale, "flags": "+qscale", "global_quality": str(LAMBDA * self._quantiser())}

    def _quantiser(self) -> int:
        """H.264's step doubles every 6 and is 1 at 4 (Rec. H.264); MPEG-4's is twice its scale."""
        least, most = QUANTISERS
        return min(max(round(2 ** ((self.quality - 4) / 6) / 2), least), most)


def _scales(encoder: str) -> list[str]:
    """The options of an encoder that take the quality as it is, best first."""
    known = getattr(pyav().CodecContext.create(encoder, "w"), "supported_options", None)
    if known is None:
        return ["crf"] * (encoder in WITH_CRF)
    names = {option.name for option in known.private}
    return [name for name in ("crf", "qp") if name in names]


def add_video(
    writer: Any, encoder: str, encoding: Encoding, size: tuple[int, int], rate: Fraction, layout: str = SAFE_LAYOUT
) -> Any:
    """A picture track of `size` (width, height); its pixel format is `layout` if the encoder has it.

    Raises:
        PictureError: a size that the encoder does not take, or a container that does not take its work.
    """
    try:
        stream = writer.add_stream(encoder, rate=rate)
    except ValueError as error:  # PyAV's own
        raise PictureError(
            f"a {writer.format.name} file cannot hold what codec '{encoder}' makes; choose another ending or codec."
        ) from error
    known = [found.name for found in stream.codec_context.codec.video_formats or ()]
    stream.width, stream.height = size
    stream.pix_fmt = layout_for(encoder, layout, known)
    stream.options = encoding.options(encoder)
    check_size(encoder, stream.pix_fmt, size)
    return stream


def frame_of(av: Any, pixels: Tensor, stream: Any, colorspace: Any = BT709, color_range: Any = LIMITED_RANGE) -> Any:
    """[H,W,C] in [0,1], C = 3, or 1 (gray) → a frame for the stream, rounded at the depth of its pixel format.

    Raises:
        PictureError: another C.
    """
    if pixels.shape[-1] not in (1, 3):
        raise PictureError(f"frames have {pixels.shape[-1]} channels; give frames of RGB or gray.")
    pixels = pixels.expand(*pixels.shape[:2], 3)
    known = av.VideoFormat(stream.pix_fmt)
    if is_planar(known):
        planes = pixels.permute(2, 0, 1).to("cpu", torch.float32).clamp(0, 1)
        return frame_with(av, planes, known, colorspace, color_range)
    layout, top = bits_of(known)
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


class OtherTrack:
    """A track of sound or subtitles on its way to a writer: copied; sound that the container cannot hold, converted."""

    def __init__(self, writer: Any, source: Any) -> None:
        self._writer, self._copied = writer, is_taken(source, writer)
        if self._copied:
            self._stream = writer.add_stream_from_template(source)
        else:
            self._stream = add_sound(writer, source.rate, source.layout.name)
        keep_track_words(source, self._stream)

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
