"""Conditions: what counts as true in ``if`` and ``until``."""

from __future__ import annotations

from typing import Any

from blockyard_platform.errors import ExpressionError

_WORDS = {"true": True, "false": False, "": False}


def truth(value: Any) -> bool:
    """Return whether a condition holds; raise ExpressionError for a text that is neither true nor false.

    Numbers, lists and mappings hold unless they are zero or empty, ``null`` does not. A text must be ``true`` or ``false``:
    any other is nearly always half of a comparison, left outside the braces.
    """
    if not isinstance(value, str):
        return bool(value)
    word = value.strip().lower()
    if word not in _WORDS:
        raise ExpressionError(
            f"a condition gave the text {value[:60]!r}, which is neither true nor false",
            "put the whole comparison into one expression: ${{ params.a == 'b' }}",
        )
    return _WORDS[word]
