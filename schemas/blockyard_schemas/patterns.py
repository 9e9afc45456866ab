"""Patterns that tenants write: matched in linear time by RE2, and never by another engine."""

from __future__ import annotations

from importlib import import_module
from typing import Any

_MEMORY = 1 << 20
"""Bytes that one compiled pattern may take."""


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


def matches(pattern: str, text: str) -> bool:
    """Whether a pattern is found anywhere in a text, as JSON Schema wants it; raise PatternError."""
    return compiled(pattern).search(text) is not None
