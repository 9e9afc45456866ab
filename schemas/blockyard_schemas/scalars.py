"""Plain scalars of YAML by its 1.2 core schema: ``on``, ``yes`` and dates are text.

Source: YAML 1.2.2, section 10.3.2 (tag resolution).
"""

from __future__ import annotations

import math
import re
from types import MappingProxyType
from typing import Any

_WORDS = MappingProxyType(
    {
        **dict.fromkeys(("", "~", "null", "Null", "NULL")),
        **dict.fromkeys(("true", "True", "TRUE"), True),
        **dict.fromkeys(("false", "False", "FALSE"), False),
    }
)
_FIRST = frozenset("+-.0123456789")
_INT = re.compile(r"[-+]?[0-9]+")
_OTHER_BASE = re.compile(r"0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_NOT_FINITE = re.compile(r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)")


class NumberError(ValueError):
    """A number that cannot be kept as it is written."""


def resolve(text: str, digits: int) -> Any:
    """Return the value of a plain scalar; raise NumberError for one of too many digits, or that is not finite."""
    if text in _WORDS:
        return _WORDS[text]
    if text[0] not in _FIRST:
        return text
    if _INT.fullmatch(text):
        return int(_bounded(text, digits))
    if _OTHER_BASE.fullmatch(text):
        return int(_bounded(text, digits), 0)
    if _FLOAT.fullmatch(text):
        return finite(text, digits)
    if _NOT_FINITE.fullmatch(text):
        raise NumberError(f"{text} is not a finite number")
    return text


def finite(text: str, digits: int) -> float:
    """Return a float; raise NumberError when it is out of range."""
    value = float(_bounded(text, digits))
    if not math.isfinite(value):
        raise NumberError(f"the number {text[:40]} is out of range")
    return value


def _bounded(text: str, digits: int) -> str:
    if len(text) > digits:
        raise NumberError(f"the number has {len(text)} digits, and {digits} are allowed")
    return text
