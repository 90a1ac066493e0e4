"""Video, frame by frame: memory does not grow with the length, sound and timing stay as they are."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import Any

from torch import Tensor

from .clip import Clip, FileClip, FrameClip
from .deep_files import pyav
from .files import PictureError, writing
from .video_encoder import FORMATS, LOSSLESS, Encoding, OtherTrack, add_sound, add_video, frame_of, put_waveform
from .video_extras import is_kept, keep_track_words, keep_words, left_out
from .video_fit import SAFE_LAYOUT, WHOLE_LAYOUT, clock_for, colours_for
from .video_reader import DEFAULT_RATE, Timeline, Window, pixels_of, quarter_turns, understood

READ_ONLY = (".m4v", ".mts", ".m2ts", ".mpg", ".mpeg", ".wmv", ".3gp", ".flv")
"""Endings, most of them of cameras and telephones, whose results become WRITTEN."""
VIDEO_SUFFIXES = (*FORMATS, *READ_ONLY)
WRITTEN = ".mp4"
OnFrame = Callable[[int, int], None]
"""Told (frames done, frames expected or 0)."""


def convert_video(
    source: str | os.PathLike[str] | Clip,
    target: str | os.PathLike[str],
    change: Callable[[Tensor], Tensor],
    *,
    codec: str | None = None,
    quality: int = Encoding.quality,
    on_frame: OnFrame | None = None,
    on_left_out: Callable[[str], None] | None = None,
) -> int:
    """Run every frame of a video through `change` and write it again; returns the number of frames.

    Sound is copied, or converted when the new container cannot hold it. Subtitles are copied where it takes them as
    they are; words about the film, languages and chapters go along. Not kept: further picture tracks (a cover),
    attachments, other subtitles, transparency, and of a part of a clip the chapters.

    Args:
        change: [1,H,W,3] in [0,1] → the same.
        codec, quality: see `Encoding`.
        on_left_out: told once, before the first frame, which tracks of the file are not kept, and transparency.

    Raises:
        PictureError: no video, damaged, no such codec, or a codec that the container or the size does not fit.
        DenoiseError: PyAV is missing. OSError: missing or not writable.
    """
    target, encoding = Path(target), Encoding(codec, quality)
    clip = source if isinstance(source, (FileClip, FrameClip)) else FileClip(source)
    if isinstance(clip, FrameClip):
        done = _Counter(len(clip.images), on_frame)
        frames = (done.after(change(image[None])[0]) for image in clip.images)
        return write_video(frames, target, clip.rate, audio=clip.audio, encoding=encoding)
    av = pyav()
    with understood(av, f"{clip.name} cannot be converted to '{_known(target).name}'"):
        turns = quarter_turns(av, clip)
        with av.open(clip.opened()) as reader, _writer(av, target) as writer:
            converter = _Converter(av, reader, writer, target, encoding, Window(*clip.window), turns)
            if converter.left_out and on_left_out is not None:
                on_left_out(converter.left_out)
            return converter.run(change, on_frame)


def write_video(
    frames: Iterable[Tensor],
    target: str | os.PathLike[str],
    rate: Fraction,
    *,
    audio: dict[str, Any] | None = None,
    encoding: Encoding = Encoding(),
) -> int:
    """Write [H,W,3] frames in [0,1] of one size, or gray [H,W,1], as they come, `rate` a second; returns how many.

    Args:
        audio: ComfyUI's AUDIO, cut off where the pictures end.

    Raises:
        PictureError: no frame, no such codec, or a size the codec does not take.
        DenoiseError: PyAV is missing. OSError: not writable.
    """
    av, target = pyav(), Path(target)
    count, stream, sound, colours = 0, None, None, ()
    with understood(av, f"the clip cannot be written to '{_known(target).name}'"), _writer(av, target) as writer:
        for pixels in frames:
            if stream is None:
                stream, colours = _first_track(writer, encoding, target, pixels, rate)
                if audio is not None:
                    layout = "mono" if audio["waveform"].shape[1] == 1 else "stereo"
                    sound = add_sound(writer, int(audio["sample_rate"]), layout)
            frame = frame_of(av, pixels, stream, *colours)
            frame.pts, frame.time_base = count, 1 / rate
            writer.mux(stream.encode(frame))
            count += 1
        if stream is None:
            raise PictureError("the clip has no frame.")
        writer.mux(stream.encode(None))
        if audio is not None and sound is not None:
            samples = int(audio["sample_rate"] * count / rate) + 1
            put_waveform(av, writer, sound, audio["waveform"][0, :2, :samples], int(audio["sample_rate"]))
    return count


def _first_track(writer: Any, encoding: Encoding, target: Path, pixels: Tensor, rate: Fraction) -> tuple[Any, Any]:
    """The track of pictures like the first one, and the arguments of `frame_of` that tell its colours."""
    encoder = encoding.encoder(target.suffix.lower())
    layout = WHOLE_LAYOUT if encoder in LOSSLESS else SAFE_LAYOUT
    stream = add_video(writer, encoder, encoding, (pixels.shape[1], pixels.shape[0]), rate, layout)
    colours = colours_for(encoder, stream.pix_fmt)
    if colours is not None:
        stream.codec_context.colorspace, stream.codec_context.color_range = colours
    return stream, colours or ()


def _known(target: Path) -> Path:
    if target.suffix.lower() not in FORMATS:
        raise PictureError(f"'{target}' ends in no known video format; use {', '.join(FORMATS)}.")
    return target


@contextmanager
def _writer(av: Any, target: Path):
    """A container that becomes `target` when all went well."""
    container = FORMATS[target.suffix.lower()]
    with writing(target) as temporary, av.open(str(temporary), "w", format=container) as writer:
        yield writer


class _Counter:
    def __init__(self, expected: int, on_frame: OnFrame | None) -> None:
        self.count, self._expected, self._on_frame = 0, expected, on_frame

    def after(self, result: Any) -> Any:
        """Count a frame and hand it on."""
        self.count += 1
        if self._on_frame is not None:
            self._on_frame(self.count, self._expected)
        return result


class _Converter:
    """One pass: decoded, changed and encoded packet by packet."""

    def __init__(
        self,
        av: Any,
        reader: Any,
        writer: Any,
        target: Path,
        encoding: Encoding,
        window: Window,
        turns: int,
    ) -> None:
        self._av, self._reader, self._writer, self._turns = av, reader, writer, turns
        self._video = video = reader.streams.video[0]
        self._window = window
        self._others = {s.index: OtherTrack(writer, s) for s in reader.streams if is_kept(s, writer)}
        self.left_out = left_out(reader, self._others)
        keep_words(reader, writer, window.is_whole)
        size = (video.width, video.height)
        rate = video.average_rate or DEFAULT_RATE
        encoder = encoding.encoder(target.suffix.lower())
        turned = size[::-1] if turns % 2 else size
        self._encoder = add_video(writer, encoder, encoding, turned, rate, video.pix_fmt)
        self._encoder.codec_context.time_base = clock_for(encoder, video.time_base)
        for name in ("colorspace", "color_range", "color_primaries", "color_trc"):
            setattr(self._encoder.codec_context, name, getattr(video.codec_context, name))
        self._colours = colours_for(encoder, self._encoder.pix_fmt, video)
        if self._colours is not None:
            self._encoder.codec_context.colorspace, self._encoder.codec_context.color_range = self._colours
        keep_track_words(video, self._encoder)
        if video.sample_aspect_ratio:
            wide = video.sample_aspect_ratio
            self._encoder.codec_context.sample_aspect_ratio = 1 / wide if turns % 2 else wide

    def run(self, change: Callable[[Tensor], Tensor], on_frame: OnFrame | None) -> int:
        done, timeline = _Counter(self._expected(), on_frame), Timeline(self._reader)
        wanted = [self._video, *(s for s in self._reader.streams if s.index in self._others)]
        for packet in self._reader.demux(wanted):
            if packet.stream.index in self._others:
                if packet.pts is None or self._window.has(packet):
                    self._others[packet.stream.index].put(packet, self._window.start)
                continue
            for frame in map(timeline.dated, packet.decode()):
                if self._window.has(frame):
                    self._writer.mux(self._encoder.encode(done.after(self._changed(frame, change))))
            if self._window.is_over(packet):
                break
        self._writer.mux(self._encoder.encode(None))
        for track in self._others.values():
            track.close()
        if not done.count:
            raise PictureError(
                f"the clip has no frame behind second {float(self._window.start):g}; let it begin earlier."
            )
        return done.count

    def _expected(self) -> int:
        video, seconds = self._video, self._reader.duration / self._av.time_base if self._reader.duration else 0
        if self._window.is_whole and video.frames:
            return video.frames
        return max(0, round(self._window.seconds(seconds) * float(video.average_rate or DEFAULT_RATE)))

    def _changed(self, frame: Any, change: Callable[[Tensor], Tensor]) -> Any:
        clean = change(pixels_of(frame, self._turns))[0]
        result = frame_of(self._av, clean, self._encoder, *(self._colours or (frame.colorspace, frame.color_range)))
        result.time_base = frame.time_base
        result.pts = frame.pts - round(self._window.start / frame.time_base)
        return result
