"""Where expressions stand in texts: between ``${{`` and ``}}``; ``$${{`` is a plain ``${{``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from blockyard_platform.errors import ExpressionError
from blockyard_platform.plain import is_list, is_mapping

if TYPE_CHECKING:
    from collections.abc import Iterator

OPENS = "${{"
"""What an expression begins with."""

_CLOSING = {")": "(", "]": "[", "}": "{"}


def texts(
    value: Any, pointer: tuple[str | int, ...] = ()
) -> Iterator[tuple[str, tuple[str | int, ...]]]:
    """Yield every text in the data that holds an expression, with its place."""
    if has_expression(value):
        yield value, pointer
    elif is_list(value):
        for index, item in enumerate(value):
            yield from texts(item, (*pointer, index))
    elif is_mapping(value):
        for key, item in value.items():
            yield from texts(item, (*pointer, key))


def has_expression(value: Any) -> bool:
    """Whether a value is a text that holds ``${{``."""
    return isinstance(value, str) and OPENS in value


def pieces(text: str) -> Iterator[tuple[bool, str]]:
    """Yield (is literal, piece): the literal texts and the sources of the expressions, in order."""
    position, held = 0, ""
    while (start := text.find(OPENS, position)) >= 0:
        if start > position and text[start - 1] == "$":
            held += text[position : start - 1] + OPENS
            position = start + len(OPENS)
            continue
        held += text[position:start]
        if held:
            yield True, held
        end = _end(text, start + len(OPENS))
        yield False, text[start + len(OPENS) : end]
        position, held = end + 2, ""
    held += text[position:]
    if held:
        yield True, held


def _end(text: str, start: int) -> int:
    """Return where the ``}}`` of an expression stands: outside its quotes and its own brackets."""
    quote, depth, position = "", 0, start
    while position < len(text):
        char = text[position]
        if quote:
            position += char == "\\"
            quote = "" if char == quote else quote
        elif char in "'\"":
            quote = char
        elif char in "([{":
            depth += 1
        elif char in _CLOSING:
            if depth == 0 and text.startswith("}}", position):
                return position
            depth = max(0, depth - 1)
        position += 1
    what = "a quote is never closed" if quote else "'}}' is missing"
    raise ExpressionError(
        f"an expression is not closed: {what}", "close it with }}; $${{ stands for a plain ${{"
    )
