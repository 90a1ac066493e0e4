"""How a class becomes a node. Ids are saved in users' workflows: they never change."""

from __future__ import annotations

from collections.abc import Callable

from .arguments import checked

PREFIX = "RealDenoise"
NODE_CLASS_MAPPINGS: dict[str, type] = {}
NODE_DISPLAY_NAME_MAPPINGS: dict[str, str] = {}


def node(name: str, category: str, aliases: tuple[str, ...] = ()) -> Callable[[type], type]:
    """Register the decorated class under its own name with the pack's prefix.

    Args:
        name: what users see. category: the submenu of 'RealDenoise'. aliases: further words to find it by.

    Raises:
        ValueError: the id is taken.
    """

    def register(cls: type) -> type:
        node_id = PREFIX + cls.__name__
        if node_id in NODE_CLASS_MAPPINGS:
            raise ValueError(f"node id {node_id} is registered twice.")
        cls.CATEGORY = f"RealDenoise/{category}"
        cls.SEARCH_ALIASES = list(aliases)
        setattr(cls, cls.FUNCTION, checked(cls, getattr(cls, cls.FUNCTION)))
        NODE_CLASS_MAPPINGS[node_id] = cls
        NODE_DISPLAY_NAME_MAPPINGS[node_id] = name
        return cls

    return register
