"""Classes that a stage's text made: they carry a mark that no text can write.

The mark is an entry of the class's own dictionary under a name with underscores, which user code can neither assign
nor read.  Its value is the set of public names that the class has from its bases, or its metaclass, but that a
stage may not read.
"""

import types
from collections.abc import Callable
from typing import Any

FILENAME = "<stage>"
"""The file name in the code of a stage: its frames and functions are told from ours by it."""

MARK = "__stage_blocked__"

kind_of: Callable[[object], type[Any]] = type
"""``type`` with one argument."""

_dictionary_of = type.__dict__["__dict__"].__get__


def blocked_names(kind: type) -> frozenset[str] | None:
    """Return the names that a stage's class hides; None for a class that is not a stage's own."""
    blocked: frozenset[str] | None = _dictionary_of(kind).get(MARK)
    return blocked


def is_own(kind: Any) -> bool:
    """Say whether this is a class that a stage made."""
    return isinstance(kind, type) and MARK in _dictionary_of(kind)


def mark(kind: type, blocked: frozenset[str]) -> None:
    """Make a class a stage's own (called where the class is made, before user code sees it)."""
    type.__setattr__(kind, MARK, blocked)


def defined_names(kind: type) -> dict[str, Any]:
    """Return the class's own dictionary, without asking the class."""
    names: dict[str, Any] = dict(_dictionary_of(kind))
    return names


class OpaqueType:
    """What ``type(x)`` gives for things whose class is none of a stage's business."""

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        """Keep the name for ``repr``."""
        self.name = name

    def __repr__(self) -> str:
        """Show the name."""
        return f"<class {self.name!r}>"

    def __eq__(self, other: object) -> bool:
        """Compare by name."""
        return isinstance(other, OpaqueType) and other.name == self.name

    def __hash__(self) -> int:
        """Hash by name."""
        return hash(self.name)


def is_own_function(value: Any) -> bool:
    """Say whether this is a function that a stage's text defined."""
    return type(value) is types.FunctionType and value.__code__.co_filename == FILENAME
