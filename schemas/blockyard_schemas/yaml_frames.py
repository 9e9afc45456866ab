"""The parts of a YAML document that are being read: open lists and mappings, and what anchors stand for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

NO_KEY: Any = object()
"""Stands in a mapping that waits for its next key."""


@dataclass(slots=True)
class Size:
    """Values, characters and levels of a value, aliases followed."""

    nodes: int = 1
    text: int = 0
    height: int = 0


@dataclass(frozen=True, slots=True)
class Anchored:
    """What an alias stands for."""

    value: Any
    size: Size


class Frame:
    """A list or mapping that is being filled; ``marks`` are the offsets of what is in it."""

    __slots__ = ("_items", "_keys", "anchor", "data", "key", "key_at", "last", "marks", "size")

    def __init__(self, data: list[Any] | dict[str, Any], anchor: str | None) -> None:
        """Begin with nothing in it."""
        self.data = data
        self._keys = data if isinstance(data, dict) else None
        self._items = data if isinstance(data, list) else None
        self.marks: list[int] = []
        self.key: Any = NO_KEY
        self.key_at = 0
        self.last = ""
        self.anchor = anchor
        self.size = Size(height=1)

    @property
    def wants_key(self) -> bool:
        """Whether the next scalar is a key."""
        return self._keys is not None and self.key is NO_KEY

    def step(self, *, innermost: bool) -> list[str | int]:
        """Return this frame's part of the path to what is being read."""
        if self._keys is not None:
            return [] if innermost and self.key is NO_KEY else [self.last]
        return [len(self.data) - (not innermost)]

    def first_mark(self, key: str) -> int | None:
        """Return the offset of a key that is already in this mapping."""
        if self._keys is None or key not in self._keys:
            return None
        return self.marks[2 * list(self._keys).index(key)]

    def begin(self, key: str, at: int) -> None:
        """Note the key of the next value."""
        self.key = self.last = key
        self.key_at = at
        self.size.text += len(key)

    def put(self, value: Any, at: int) -> None:
        """Add a value at its key, or at the end of the list."""
        if self._keys is not None:
            self._keys[self.key] = value
            self.marks += (self.key_at, at)
            self.key = NO_KEY
        elif self._items is not None:
            self._items.append(value)
            self.marks.append(at)

    def grow(self, inner: Size) -> None:
        """Add the size of a value that was put in."""
        size = self.size
        size.nodes += inner.nodes
        size.text += inner.text
        if inner.height >= size.height:
            size.height = inner.height + 1
