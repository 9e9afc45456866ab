r"""Templates of replacements: texts with ``\1``, ``\g<1>`` and ``\g<name>`` in them, read once and filled for each match."""

from collections.abc import Callable
from typing import Any

from blockyard_sandbox.guest.facades.regex_syntax import RegexError

_LETTERS = {"n": "\n", "t": "\t", "r": "\r", "a": "\a", "b": "\b", "f": "\f", "v": "\v", "\\": "\\"}


def filler(template: Any) -> Callable[[Any], Any]:
    """Return what fills a template in for a match."""
    parts = parse_template(template)
    return lambda match: expand(match, parts)


def expand(match: Any, parts: list[Any]) -> Any:
    """Put the texts of a match's groups into a template that was read; a group that took no part is empty."""
    empty = match.string[:0]
    texts = (part if not isinstance(part, tuple) else match[part[0]] for part in parts)
    return empty.join(empty if text is None else text for text in texts)


def parse_template(template: Any) -> list[Any]:
    """Split a template into texts and groups; a group is a tuple of its number or name."""
    if isinstance(template, bytes):
        texts = parse_template(template.decode("latin-1"))
        return [part if isinstance(part, tuple) else part.encode("latin-1") for part in texts]
    text = str.__str__(template)
    parts: list[Any] = []
    position = 0
    while (found := text.find("\\", position)) >= 0:
        parts.append(text[position:found])
        piece, position = _parse_escape(text, found + 1)
        parts.append(piece)
    parts.append(text[position:])
    return parts


def _parse_escape(text: str, position: int) -> tuple[Any, int]:
    letter = text[position : position + 1]
    if letter == "g":
        end = text.find(">", position)
        if text[position + 1 : position + 2] != "<" or end < 0:
            raise RegexError("missing group name", text, position)
        name = text[position + 2 : end]
        return (int(name) if name.isdecimal() else name,), end + 1
    if letter.isdecimal() and letter != "0":
        end = position + (2 if text[position + 1 : position + 2].isdecimal() else 1)
        return (int(text[position:end]),), end
    if letter == "0":
        return "\0", position + 1
    if letter in _LETTERS and letter:
        return _LETTERS[letter], position + 1
    if letter.isalpha() or not letter:
        raise RegexError(f"bad escape \\{letter}", text, position - 1)
    return "\\" + letter, position + 1
