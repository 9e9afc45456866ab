"""Words for the parts of a document and for what a schema wants."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from blockyard_schemas.showing import shown


@dataclass(frozen=True, slots=True)
class Said:
    """A problem that has a path instead of a place; ``key`` puts it at the key rather than at the value."""

    rule: str
    path: tuple[str | int, ...]
    message: str
    hint: str | None = None
    key: bool = False


_TYPES: Mapping[str, str] = MappingProxyType(
    {
        "string": "text",
        "integer": "a whole number",
        "number": "a number",
        "boolean": "true or false",
        "array": "a list",
        "object": "a mapping",
        "null": "null",
    }
)
_LONGEST_LIST = 16


def label(path: Sequence[str | int]) -> str:
    """Return the name of a part: ``'retry'``, ``item 2 of 'stages'``, ``the document``."""
    if not path:
        return "the document"
    last = path[-1]
    if isinstance(last, str):
        return f"'{last[:60]}'"
    name = next((part for part in reversed(path) if isinstance(part, str)), None)
    return f"item {last + 1}" + (f" of '{name[:60]}'" if name else "")


def types(names: str | Iterable[str]) -> str:
    """Return what types of JSON Schema are called here: ``text or a whole number``."""
    each = [names] if isinstance(names, str) else list(names)
    return " or ".join(_TYPES.get(name, name) for name in each)


def listed(names: Iterable[Any]) -> str:
    """Return words as a list with commas, cut when there are many."""
    each = [name if isinstance(name, str) else shown(name) for name in names]
    more = len(each) - _LONGEST_LIST
    return ", ".join(each[:_LONGEST_LIST]) + (f", and {more} more" if more > 0 else "")


def plural(count: int, thing: str) -> str:
    """Return ``1 item`` or ``2 items``."""
    return f"{count} {thing}{'s' * (count != 1)}"
