"""What a video says beside pictures and sound: words about it, chapters, and which subtitles a container takes."""

from __future__ import annotations

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
