"""``str.format`` without the walk: fields read attributes under the same guard as code does."""

import string
from collections.abc import Callable, Mapping, Sequence
from typing import Any

Read = Callable[[Any, str], Any]


class SafeFormatter(string.Formatter):
    """A formatter whose ``{0.name}`` is a guarded read."""

    def __init__(self, read: Read) -> None:
        """``read`` takes an object and an attribute's name that was not checked before."""
        self._read = read

    def get_field(
        self, field_name: str, args: Sequence[Any], kwargs: Mapping[str, Any]
    ) -> tuple[Any, int | str]:
        """Follow a field's attributes and items."""
        first, rest = _split(field_name)
        value = self.get_value(first, args, kwargs)
        for is_attribute, name in rest:
            value = self._read(value, str(name)) if is_attribute else value[name]
        return value, first


def make_formats(read: Read) -> tuple[Callable[..., str], Callable[..., str]]:
    """Return ``format(text, *args, **kwargs)`` and ``format_map(text, mapping)``."""
    formatter = SafeFormatter(read)

    def safe_format(text: str, /, *args: Any, **kwargs: Any) -> str:
        exact = _exact(text)
        if not _walks(exact):
            return str.format(exact, *args, **kwargs)
        return formatter.vformat(exact, args, kwargs)

    def safe_format_map(text: str, mapping: Any, /) -> str:
        exact = _exact(text)
        if not _walks(exact):
            return str.format_map(exact, mapping)
        return formatter.vformat(exact, (), mapping)

    safe_format.__name__ = safe_format.__qualname__ = "format"
    safe_format_map.__name__ = safe_format_map.__qualname__ = "format_map"
    return safe_format, safe_format_map


def _exact(text: object) -> str:
    if not isinstance(text, str):
        raise TypeError("format needs text")
    return str.__str__(text)


def _walks(text: str, depth: int = 2) -> bool:
    """Say whether any field of a template, or of its nested specs, goes into an object."""
    for _, field, spec, _ in string.Formatter().parse(text):
        if field is not None and ("." in field or "[" in field):
            return True
        if spec and "{" in spec and (depth == 0 or _walks(spec, depth - 1)):
            return True
    return False


def _split(field_name: str) -> tuple[int | str, list[tuple[bool, int | str]]]:
    """Split ``a.b[c]`` into its head and its steps: (attribute?, name)."""
    head_end = min((field_name.find(mark) for mark in ".[" if mark in field_name), default=None)
    head = field_name if head_end is None else field_name[:head_end]
    steps: list[tuple[bool, int | str]] = []
    position = len(head)
    while position < len(field_name):
        if field_name[position] == ".":
            end = min(
                (
                    field_name.find(mark, position + 1)
                    for mark in ".["
                    if mark in field_name[position + 1 :]
                ),
                default=len(field_name),
            )
            steps.append((True, field_name[position + 1 : end]))
            position = end
        else:
            end = field_name.find("]", position)
            if field_name[position] != "[" or end < 0:
                raise ValueError("expected ']' before end of string")
            key = field_name[position + 1 : end]
            steps.append((False, int(key) if key.isdigit() else key))
            position = end + 1
    return (int(head) if head.isdigit() else head), steps
