"""The reading half of a video: frames as tensors, upright, and only those of the part that is wanted."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from typing import Any

import numpy as np
import torch
from torch import Tensor

from .clip import Clip, FileClip, FrameClip
from .deep_files import pyav
from .files import PictureError
from .yuv import is_planar, rgb_of

DEFAULT_RATE = Fraction(25)
WITHOUT_PTS = ("avi",)
"""Containers, as FFmpeg calls them, that store packets in decoding order but not when their frames are shown."""


def read_video(clip: Clip) -> Iterator[Tensor]:
    """The frames [1,H,W,3] in [0,1], one after the other.

    Raises:
        PictureError: no video, damaged, or without a frame. DenoiseError: PyAV is missing. OSError: missing.
    """
    if isinstance(clip, FrameClip):
        yield from clip.images.split(1)
        return
    av, window = pyav(), Window(*clip.window)
    with understood(av, f"{clip.name} cannot be read"):
        turns = quarter_turns(av, clip)
        with av.open(clip.opened()) as reader:
            timeline = Timeline(reader)
            for packet in reader.demux(video=0):
                frames = (timeline.dated(frame) for frame in packet.decode())
                yield from (pixels_of(frame, turns) for frame in frames if window.has(frame))
                if window.is_over(packet):
                    return


@contextmanager
def understood(av: Any, problem: str) -> Iterator[None]:
    """FFmpeg's errors behind what could not be done, as one sentence."""
    try:
        yield
    except FileNotFoundError:
        raise
    except (av.error.FFmpegError, av.codec.codec.UnknownCodecError) as error:
        raise PictureError(f"{problem} ({_words(error)}).") from error


def _words(error: Exception) -> str:
    """FFmpeg's reason without numbers and without the temporary file, and what it said last, which may tell more."""
    reason = getattr(error, "strerror", None) or str(error)
    said = getattr(error, "log", None)  # level, who, what
    return f"{reason}: {said[2].strip()}" if said else reason


def quarter_turns(av: Any, clip: FileClip) -> int:
    """Counter-clockwise quarter turns that a player makes, as phones ask for."""
    with av.open(clip.opened()) as reader:
        if not reader.streams.video:
            raise PictureError(f"{clip.name} has no picture track.")
        first = next(reader.decode(video=0), None)
        if first is None:
            raise PictureError(f"{clip.name} has no frame.")
        return round(first.rotation / 90) % 4


def bits_of(layout: Any) -> tuple[str, int]:
    """A pixel format of PyAV → the RGB layout that keeps its depth, and the highest level of that."""
    return ("rgb48le", 65535) if any(component.bits > 8 for component in layout.components) else ("rgb24", 255)


def pixels_of(frame: Any, turns: int = 0) -> Tensor:
    """A decoded frame → [1,H,W,3] float32 in [0,1], turned counter-clockwise by quarters."""
    if is_planar(frame.format):
        return torch.rot90(rgb_of(frame), turns, (1, 2)).permute(1, 2, 0)[None]
    layout, top = bits_of(frame.format)
    levels = torch.from_numpy(frame.to_ndarray(format=layout).astype(np.float32) / top)
    return torch.rot90(levels, turns, (0, 1)).contiguous()[None]


class Timeline:
    """When frames are shown, in ticks of the picture track; decoders give them in the order in which they are shown."""

    def __init__(self, reader: Any) -> None:
        video = reader.streams.video[0]
        self._has_pts = reader.format.name not in WITHOUT_PTS
        self._start, self._delay, self._last = video.start_time or 0, None, None
        self._step = max(1, round(1 / (video.average_rate or DEFAULT_RATE) / video.time_base))

    def dated(self, frame: Any) -> Any:
        """The next frame, with a pts that rises: its own, or where that does not, one frame later than the last."""
        pts = frame.pts if self._has_pts else self._from_dts(frame.dts)
        if self._last is None:
            pts = self._start if pts is None else pts
        elif pts is None or pts <= self._last:
            pts = self._last + self._step
        elif not self._has_pts:
            self._step = pts - self._last  # an AVI's rate may be a mere clock, with frames in few of its ticks
        frame.pts = self._last = pts
        return frame

    def _from_dts(self, dts: int | None) -> int | None:
        """A frame comes as many packets late as the first one did; what is left at the end has no dts."""
        if dts is None:
            return None
        if self._delay is None:
            self._delay = dts - self._start
        return dts - self._delay


class Window:
    """The part of a clip that counts: from second `start`, `length` seconds long; 0 = to its end."""

    def __init__(self, start: float = 0.0, length: float = 0.0) -> None:
        self.start = Fraction(start).limit_denominator(10**6)
        self.end = self.start + Fraction(length).limit_denominator(10**6) if length else None

    @property
    def is_whole(self) -> bool:
        """Whether nothing is cut off."""
        return not self.start and self.end is None

    def has(self, item: Any) -> bool:
        """Whether a packet or a frame begins in this part; before a whole clip there may be sound to start up with."""
        if item.pts is None:
            return True
        time = item.pts * item.time_base
        return (not self.start or time >= self.start) and (self.end is None or time < self.end)

    def is_over(self, packet: Any) -> bool:
        """Whether nothing that is wanted can follow; pictures are stored at most a second out of order."""
        return self.end is not None and packet.dts is not None and packet.dts * packet.time_base > self.end + 1

    def seconds(self, whole: float) -> float:
        """Length of this part of a clip of `whole` seconds."""
        return (whole if self.end is None else min(whole, float(self.end))) - float(self.start)
