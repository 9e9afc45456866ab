"""The four context tags of pyconduit: ``{: step :}``, ``{# variable #}``, ``{< local value >}``, ``{% context %}``."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from blockyard_platform.convert.errors import NoEqualError
from blockyard_platform.convert.paths import Part
from blockyard_platform.plain import is_list, is_mapping

_TAG = re.compile(r"\{([<%#:]) (\S+) ([%#:>])\}")
_OPEN = re.compile(r"\{[<%#:] \S*$")
_CLOSED_BY = {"<": ">", "%": "%", "#": "#", ":": ":"}
_SLICE = re.compile(r"-?[0-9]{0,9}(?::-?[0-9]{0,9}){1,2}")
_NUMBER = re.compile(r"-?[0-9]{1,9}")


@dataclass(frozen=True, slots=True)
class Tag:
    """One tag: its kind by the character that opens it, and the parts of its path."""

    kind: str
    path: tuple[str, ...]


def split(text: str) -> list[str | Tag]:
    """Return literal pieces and tags; raise NoEqualError for a tag in a tag, or one that is closed as another."""
    found: list[str | Tag] = []
    position = 0
    for match in _TAG.finditer(text):
        kind, path, closer = match.groups()
        literal = text[position : match.start()]
        if _OPEN.search(literal):
            raise NoEqualError(
                "a tag inside of a tag", "look the value up by dict.get, or in a python stage"
            )
        if _CLOSED_BY[kind] != closer:
            raise NoEqualError(
                f"the tag {match.group()} is closed as one of another kind", "correct it"
            )
        if literal:
            found.append(literal)
        found.append(Tag(kind, tuple(path.split("."))))
        position = match.end()
    if text[position:] or not found:
        found.append(text[position:])
    return found


def sole(text: str) -> Tag | None:
    """Return the tag that a text is, but for the space around it; ``None`` when it is more or less than that."""
    try:
        pieces = split(text.strip())
    except NoEqualError:
        return None
    return pieces[0] if len(pieces) == 1 and isinstance(pieces[0], Tag) else None


def tags_of(value: Any) -> Iterator[Tag]:
    """Yield every tag in the texts of a value, at any depth; none of a text that cannot be split."""
    if isinstance(value, str):
        try:
            yield from (piece for piece in split(value) if isinstance(piece, Tag))
        except NoEqualError:
            return
    elif is_list(value):
        for item in value:
            yield from tags_of(item)
    elif is_mapping(value):
        for item in value.values():
            yield from tags_of(item)


def parts(path: tuple[str, ...]) -> list[Part]:
    """Return the parts of a path as ours: keys, indexes, slices; ``-1`` is the slice ``[:-1]`` there."""
    found: list[Part] = []
    for name in path:
        if _SLICE.fullmatch(name):
            found.append(Part(f"[{name}]", bracket=True))
        elif _NUMBER.fullmatch(name):
            text = f"[:{name}]" if name.startswith("-") else f"[{int(name)}]"
            found.append(Part(text, bracket=True))
        elif name:
            found.append(Part(name))
    return found


def is_lookup(found: list[Part]) -> bool:
    """Whether a path has no slice in it, so that looking it up is enough."""
    return not any(part.bracket and ":" in part.name for part in found)
