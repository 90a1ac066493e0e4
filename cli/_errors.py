"""Exit codes, and how an exception reads on the command line."""

from __future__ import annotations

EXIT_FAILURE = 1
EXIT_USAGE = 2
EXIT_INTERRUPTED = 130


class UsageError(Exception):
    """Options that do not fit together; one sentence, ends with exit code 2."""


def sentence(error: Exception) -> str:
    """The exception's text on one line; system errors as 'file: reason'."""
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}." if error.filename else f"{error.strerror}."
    return " ".join(str(error).split()) or type(error).__name__


def named(error: Exception, file: object) -> str:
    """The same, behind the file's name unless the text has it already."""
    text = sentence(error)
    return text if str(file) in text else f"{file}: {text}"
