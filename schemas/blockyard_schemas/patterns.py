"""Patterns that tenants write: matched in linear time by RE2, and never by another engine."""

from __future__ import annotations

from collections.abc import Iterable
from importlib import import_module
from typing import Any

from blockyard_schemas.plain import is_mapping

_MEMORY = 1 << 20
"""Bytes that one compiled pattern may take."""

MAX_PATTERNS = 100
"""Patterns of a document, and of all that it triggers: a short one can take 8 ms to be compiled."""


class PatternError(ValueError):
    """A pattern that RE2 does not take."""


def compiled(pattern: str) -> Any:
    """Return a compiled pattern; raise PatternError."""
    re2: Any = import_module("re2")
    options = re2.Options()
    options.log_errors = False
    options.max_mem = _MEMORY
    try:
        return re2.compile(pattern, options)
    except re2.error as error:
        said: Any = error.args[0] if error.args else "not a pattern"
        reason = said.decode(errors="replace") if isinstance(said, bytes) else str(said)
        raise PatternError(reason[:200]) from None


def count_patterns(schemas: Iterable[Any]) -> int:
    """Return how many patterns some declarations have, at any depth."""
    count = 0
    heap = list(schemas)
    while heap:
        schema = heap.pop()
        if is_mapping(schema):
            count += isinstance(schema.get("pattern"), str)
            heap += (schema.get("items"), schema.get("additionalProperties"))
            properties = schema.get("properties")
            heap += properties.values() if is_mapping(properties) else ()
    return count
