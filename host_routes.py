"""What the pack adds to ComfyUI's server: a denoiser's card, which Load Denoiser shows before anything has run."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from .imaging.level import DenoiseError
from .models.short_card import short_card

CARD = "/realdenoise/card"
"""GET with ?denoiser=NAME → the short card as plain text; 404 and a sentence for a name that is not listed."""


def register(server: Any, find: Callable[[str], Path]) -> None:
    """Add the route to ComfyUI's module `server`. find: listed name → file, DenoiseError for every other name."""

    async def card(request: Any) -> Any:
        # In the server's only thread: it takes milliseconds, as /object_info does for the lists of files.
        status, text = answer(request.query.get("denoiser", ""), find)
        return server.web.Response(text=text, status=status)

    server.PromptServer.instance.routes.get(CARD)(card)


def answer(name: str, find: Callable[[str], Path]) -> tuple[int, str]:
    """HTTP status and text for a request for the card of `name`."""
    try:
        return 200, short_card(find(name))
    except (DenoiseError, OSError) as error:
        return 404, str(error)
