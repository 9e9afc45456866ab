"""What a log line must not hold: tokens, passwords, headers that authorise, and characters that forge other lines.

This takes out what the platform itself knows the form of. Values of tenants' secrets are masked where they are used
(``secrets/masking.py``), and what tenants' programs print is no part of the platform's log.
"""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any, TypeGuard

from blockyard_platform.plain import is_list, is_mapping

if TYPE_CHECKING:
    from collections.abc import Mapping

MASK = "***"
MOST_TEXT = 4_000
"""Characters of one value; of a longer one the beginning and the end are kept."""
MOST_FIELDS = 50
MOST_DEPTH = 4
_LOOKED_AT = 65_536
"""Characters of a text that are searched; what comes after is dropped unseen, and never shown."""

_SECRET_KEYS = frozenset(
    {
        "api_key",
        "apikey",
        "authorization",
        "cookie",
        "credentials",
        "passwd",
        "password",
        "private_key",
        "proxy_authorization",
        "pwd",
        "secret",
        "secrets",
        "set_cookie",
        "signature",
        "token",
        "x_api_key",
    }
)
_SECRET_ENDS = ("_password", "_secret", "_token", "_api_key", "_private_key", "_signature")

_FORMS = (
    # Our own tokens, wherever they stand; the id may be shown, and is what the audit log names.
    (re.compile(r"\b(by_[0-9a-f]{16})_[0-9a-fA-F]{1,64}"), rf"\1_{MASK}"),
    # scheme://user:password@host; a password may hold any character but those that end it.
    (re.compile(r"(://[^\s/?#@:]{0,256}):[^\s/?#]{0,1024}@"), rf"\1:{MASK}@"),
    (
        re.compile(r"\b(authorization[\"']?\s{0,4}[:=]\s{0,4})[^\r\n]{1,8192}", re.IGNORECASE),
        rf"\1{MASK}",
    ),
    (re.compile(r"\b(bearer|basic)\s{1,4}[A-Za-z0-9._~+/=-]{8,}", re.IGNORECASE), rf"\1 {MASK}"),
    (
        re.compile(
            r"\b(password|passwd|pwd|secret|token|api[_-]?key)([\"']?\s{0,4}[:=]\s{0,4})"
            r"(\"[^\"]{0,1024}\"|'[^']{0,1024}'|[^\s,;&\"']{1,1024})",
            re.IGNORECASE,
        ),
        rf"\1\2{MASK}",
    ),
)


def is_secret_key(key: str) -> bool:
    """Whether what stands under a key is never shown."""
    name = key.strip().lower().replace("-", "_")
    return name in _SECRET_KEYS or name.endswith(_SECRET_ENDS)


def redacted_text(text: str) -> str:
    """Return a text without what looks like a password or a token, cut to what a line may have of it."""
    found = text[:_LOOKED_AT]
    for form, instead in _FORMS:
        found = form.sub(instead, found)
    return shortened(found, MOST_TEXT)


def shortened(text: str, most: int) -> str:
    """Return a text of at most so many characters, cut in its middle: the end of a trace says what went wrong."""
    if len(text) <= most:
        return text
    said = f" ... {len(text) - most} characters ... "
    tail = (most - len(said)) // 2
    return text[: most - len(said) - tail] + said + text[-tail:]


def redacted(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of a line as plain data that can be shown."""
    found = dict(list(fields.items())[:MOST_FIELDS])
    if len(fields) > MOST_FIELDS:
        found["more_fields"] = len(fields) - MOST_FIELDS
    return {
        shortened(str(key), 100): MASK if is_secret_key(str(key)) else _shown(value, 0)
        for key, value in found.items()
    }


def _shown(value: Any, depth: int) -> Any:
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, int):
        return value if value.bit_length() <= 64 else f"a number of {value.bit_length()} bits"
    if isinstance(value, bytes):
        return f"{len(value)} bytes"
    if depth < MOST_DEPTH and is_mapping(value):
        some = list(value.items())[:MOST_FIELDS]
        return {
            shortened(str(key), 100): MASK if is_secret_key(str(key)) else _shown(each, depth + 1)
            for key, each in some
        }
    if depth < MOST_DEPTH and (is_list(value) or _is_tuple(value)):
        return [_shown(each, depth + 1) for each in value[:MOST_FIELDS]]
    return redacted_text(_words(value))


def _is_tuple(value: Any) -> TypeGuard[tuple[Any, ...]]:
    return isinstance(value, tuple)


def _words(value: Any) -> str:
    try:
        return value if isinstance(value, str) else str(value)
    except Exception:  # noqa: BLE001  (a log line cannot break what it tells of)
        return f"<{type(value).__name__}>"


def escaped(text: str) -> str:
    """Return a text on one line, as a terminal may show it: control characters, line ends of every kind and marks of direction as their code points."""
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() else _code(each) for each in text)


def _code(character: str) -> str:
    number = ord(character)
    return f"\\u{number:04x}" if number < 0x10000 else f"\\U{number:08x}"
