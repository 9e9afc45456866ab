"""Values as messages show them: short, on one line, and never built whole when they are huge."""

from typing import Any

from blockyard_schemas.plain import is_list, is_mapping

_TYPES: tuple[tuple[type, str], ...] = (
    (bool, "true or false"),
    (int, "a whole number"),
    (float, "a number"),
    (str, "text"),
    (list, "a list"),
    (dict, "a mapping"),
)


def type_name(value: Any) -> str:
    """Return what a value is, in the words of a document's author."""
    if value is None:
        return "nothing (null)"
    return next((name for kind, name in _TYPES if isinstance(value, kind)), type(value).__name__)


def shown(value: Any, most: int = 40) -> str:
    """Return a value on one line, cut after ``most`` characters."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return _cut(repr(value[: most + 1]), most)
    if isinstance(value, int):
        return str(value) if value.bit_length() < 128 else "a very large number"
    if isinstance(value, float):
        return repr(value)
    size = len(value) if is_list(value) or is_mapping(value) else 0
    many = "item" if is_list(value) else "key"
    return f"{type_name(value)} of {size} {many}{'s' * (size != 1)}"


def found(value: Any) -> str:
    """Return type and value: ``text 'abc'``, ``a list of 3 items``, ``nothing (null)``."""
    if value is None or isinstance(value, list | dict):
        return type_name(value) if value is None else shown(value)
    if isinstance(value, bool):
        return shown(value)
    return f"{type_name(value)} {shown(value)}" if isinstance(value, str) else shown(value)


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most + 2 else f"{text[:most]}…{text[0]}"
