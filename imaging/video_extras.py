"""What a video says beside pictures and sound: words about it, chapters, and which subtitles a container takes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

OF_THE_FILE = ("major_brand", "minor_version", "compatible_brands", "encoder", "duration")
"""What a container says of itself, and not of the film."""
OF_A_TRACK = ("language", "title")


def keep_words(reader: Any, writer: Any, whole: bool) -> None:
    """Title, date, place and the like; chapters too if the whole clip is kept and PyAV knows them (14.1)."""
    writer.metadata.update({key: words for key, words in reader.metadata.items() if key.lower() not in OF_THE_FILE})
    if whole and hasattr(reader, "chapters"):
        writer.set_chapters(reader.chapters())


def keep_track_words(source: Any, target: Any) -> None:
    """Language and name of a track."""
    target.metadata.update({key: source.metadata[key] for key in OF_A_TRACK if key in source.metadata})


def is_kept(stream: Any, writer: Any) -> bool:
    """Whether a track beside the pictures goes along: sound always, subtitles if the container takes them so."""
    if stream.codec_context is None:
        return False
    return stream.type == "audio" or (stream.type == "subtitle" and is_taken(stream, writer))


def is_taken(stream: Any, writer: Any) -> bool:
    """Whether the new container holds the track without conversion."""
    return stream.codec.canonical_name in writer.supported_codecs


def left_out(reader: Any, kept: Iterable[int]) -> str:
    """What of a video goes nowhere, in words: its tracks but those of the numbers `kept`, and transparency; '' = none.

    The first picture track is always kept.
    """
    first, kept = reader.streams.video[0], set(kept)
    lost = [stream for stream in reader.streams if stream.index not in (first.index, *kept)]
    kinds = Counter(f"{_kind(stream)} track" for stream in lost)
    words = [f"{count} {kind}s" if count > 1 else f"a {kind}" for kind, count in kinds.items()]
    return ", ".join([*words, "transparency"] if len(first.format.components) in (2, 4) else words)


def _kind(stream: Any) -> str:
    known = stream.codec_context and stream.codec_context.codec.canonical_name
    return f"{stream.type} ({known})" if known else str(stream.type)
