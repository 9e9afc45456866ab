"""How parameters refer to secrets: the mapping ``{"secret": "NAME"}``, and nothing else.

References are for what an author has written, and are found there, before expressions are filled in: data that comes from elsewhere (an
answer over HTTP, an output of a stage) may look like a reference, and would be given a secret that its sender only knew the name of.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Self, TypeAlias

from blockyard_platform.plain import is_list, is_mapping
from blockyard_platform.secrets.errors import SecretReferenceError
from blockyard_schemas.problems import pointer_of

KEY = "secret"
"""The one key of a reference."""
MOST_DEPTH = 64
"""Lists and mappings in each other, as in documents."""

Path: TypeAlias = tuple[str | int, ...]
"""Keys and positions that lead to a value."""


@dataclass(frozen=True, slots=True)
class SecretRef:
    """A reference to the secret of this name."""

    name: str

    @classmethod
    def parse(cls, value: Any) -> Self | None:
        """Return the reference that a value is, or ``None`` when it is plain data.

        Any text counts as a name here: one that no secret can have is an unknown name, not data that goes on silently.
        """
        if is_mapping(value) and len(value) == 1 and isinstance(value.get(KEY), str):
            return cls(value[KEY])
        return None


@dataclass(frozen=True, slots=True)
class Place:
    """Where a reference stands, and the name that it has."""

    path: Path
    name: str


def references(data: Any, path: Path = ()) -> Iterator[Place]:
    """Yield the references in data that an author wrote, in order; ``path`` leads to it. Raises SecretReferenceError when it is too deep."""
    reference = SecretRef.parse(data)
    if reference is not None:
        yield Place(path, reference.name)
        return
    inside: Iterable[tuple[str | int, Any]] = ()
    if is_list(data):
        inside = enumerate(data)
    elif is_mapping(data):
        inside = data.items()
    for key, value in inside:
        if len(path) >= MOST_DEPTH:
            message = f"lists and mappings are nested deeper than {MOST_DEPTH}"
            raise SecretReferenceError(pointer_of(path), message)
        yield from references(value, (*path, key))


def without(data: Any, places: Iterable[Place]) -> Any:
    """Return data with ``None`` in the place of references; what has none in it is shared."""
    for place in places:
        data = _put(data, place.path, None)
    return data


def fill(data: Any, values: Iterable[tuple[Place, str]]) -> None:
    """Put values where references stood, in data that was copied: it is changed. Values are never looked into."""
    for place, value in values:
        *way, last = place.path
        inner = data
        for key in way:
            inner = inner[key]
        inner[last] = value


def _put(data: Any, path: Path, value: Any) -> Any:
    if not path:
        return value
    inner: Any = data
    key, rest = path[0], path[1:]
    copied: Any = list(inner) if isinstance(key, int) else dict(inner)
    copied[key] = _put(copied[key], rest, value)
    return copied
