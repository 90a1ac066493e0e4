"""A moving picture on its way between two nodes: a file, or frames in memory."""

from __future__ import annotations

import io
import os
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from torch import Tensor


@dataclass(frozen=True)
class FileClip:
    """A video file that is read when it is needed.

    source: its path or its content. window: first second and length in seconds of the part that counts; a length of 0
    goes to the end.
    """

    source: str | os.PathLike[str] | io.BytesIO
    window: tuple[float, float] = (0.0, 0.0)

    @property
    def name(self) -> str:
        """What an error calls it."""
        return "the clip" if isinstance(self.source, io.BytesIO) else f"'{os.fspath(self.source)}'"

    def opened(self) -> str | io.BytesIO:
        """What PyAV opens, from its beginning."""
        if isinstance(self.source, io.BytesIO):
            self.source.seek(0)
            return self.source
        return os.fspath(self.source)


@dataclass(frozen=True)
class FrameClip:
    """images: [B,H,W,3] in [0,1]. rate: frames per second. audio: None, or ComfyUI's AUDIO: a dictionary with
    'waveform' [1,channels,samples] in [−1,1] and 'sample_rate' in hertz."""

    images: Tensor
    rate: Fraction
    audio: dict[str, Any] | None = None


Clip = FileClip | FrameClip
