"""Paths as our expressions write them: alone, or inside of a longer Python expression."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from blockyard_platform.convert.errors import NoEqualError

if TYPE_CHECKING:
    from collections.abc import Sequence

_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(?:-[A-Za-z0-9_]+)*|[0-9]{1,9}")
_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_METHODS = frozenset({"clear", "copy", "get", "items", "keys", "pop", "update", "values"})


class Part(NamedTuple):
    """One name of a path, and whether it may be missing; ``bracket`` tells that it is written ``[0]`` or ``[0:2]`` already."""

    name: str
    optional: bool = False
    bracket: bool = False


def as_path(parts: Sequence[Part]) -> str:
    """Return a path as it stands alone or before filters."""
    text = parts[0].name + "?" * parts[0].optional
    for part in parts[1:]:
        text += part.name if part.bracket else _step(part.name)
        text += "?" * part.optional
    return text


def as_python(parts: Sequence[Part]) -> str:
    """Return a path as a longer expression holds it; raise NoEqualError for a part that may be missing."""
    if any(part.optional for part in parts):
        raise NoEqualError(
            "a part that may be missing (?) inside of a longer expression",
            "write .get('name') on the mapping before it, or test it in a stage of its own",
        )
    text = parts[0].name
    for part in parts[1:]:
        plain = _WORD.fullmatch(part.name) and part.name not in _METHODS
        text += part.name if part.bracket else f".{part.name}" if plain else _quoted(part.name)
    return text


def _step(name: str) -> str:
    return f".{name}" if _PLAIN.fullmatch(name) else _quoted(name)


def _quoted(name: str) -> str:
    quote = '"' if "'" in name else "'"
    return f"[{quote}{name}{quote}]"
