"""How parameters refer to secrets: the mapping ``{"secret": "NAME"}``, and nothing else.

References are for what an author has written. Resolve them before expressions are filled in: data that comes from elsewhere (an
answer over HTTP, an output of a stage) may look like a reference, and would be given a secret that its sender only knew the name of.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Self

from blockyard_platform.plain import is_list, is_mapping
from blockyard_platform.secrets.errors import SecretReferenceError
from blockyard_platform.secrets.names import NAME
from blockyard_schemas.nearest import did_you_mean
from blockyard_schemas.problems import pointer_of
from blockyard_schemas.showing import shown

KEY = "secret"
"""The one key of a reference."""
MOST_DEPTH = 64
"""Lists and mappings in each other, as in documents."""

Lookup = Callable[[str], str | None]
"""Returns the value of a secret, or ``None`` when there is no such secret."""


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


def resolve(data: Any, lookup: Lookup, known: tuple[str, ...] = ()) -> tuple[Any, tuple[str, ...]]:
    """Return data with values in the place of references, and the names that were used, in the order of their places.

    ``data`` is plain and stays as it is; parts without references are shared with it. ``lookup`` is asked once for each
    name. Values are never looked into. ``known`` are names for hints. Raises SecretReferenceError.
    """
    resolving = _Resolving(lookup, known)
    return resolving.of(data), tuple(resolving.values)


class _Resolving:
    def __init__(self, lookup: Lookup, known: tuple[str, ...]) -> None:
        self._lookup = lookup
        self._known = known
        self._path: list[str | int] = []
        self.values: dict[str, str] = {}

    def of(self, value: Any) -> Any:
        reference = SecretRef.parse(value)
        if reference is not None:
            return self._value(reference.name)
        if is_list(value):
            items = [self._inside(at, item) for at, item in enumerate(value)]
            same = all(new is old for new, old in zip(items, value, strict=True))
            return value if same else items
        if is_mapping(value):
            made = {key: self._inside(key, item) for key, item in value.items()}
            return value if all(made[key] is item for key, item in value.items()) else made
        return value

    def _inside(self, key: str | int, value: Any) -> Any:
        if len(self._path) >= MOST_DEPTH:
            raise SecretReferenceError(
                pointer_of(self._path), f"lists and mappings are nested deeper than {MOST_DEPTH}"
            )
        self._path.append(key)
        found = self.of(value)
        self._path.pop()
        return found

    def _value(self, name: str) -> str:
        if name not in self.values:
            value = self._lookup(name) if NAME.fullmatch(name) else None
            if value is None:
                raise SecretReferenceError(
                    pointer_of(self._path),
                    f"there is no secret {shown(name)}",
                    did_you_mean(name, self._known) or "set it, or take the reference out",
                )
            self.values[name] = value
        return self.values[name]
