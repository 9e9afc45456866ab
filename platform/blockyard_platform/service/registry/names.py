"""Names and texts that callers give: what can be one, and what cannot be stored at all."""

from __future__ import annotations

import json
import re
from typing import Any

from blockyard_platform.service.registry.errors import InvalidError, NotFoundError

_TENANT = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}")
_KEY = re.compile(r"[\x21-\x7e]{1,200}")
_DIGEST = re.compile(r"[0-9a-f]{64}")
_TOKEN = re.compile(r"[0-9a-f]{16}")
_FORMS = {"tenant": _TENANT, "idempotency key": _KEY, "digest": _DIGEST, "token": _TOKEN}
_HINTS = {
    "tenant": "use up to 63 small letters, digits, and - inside",
    "idempotency key": "use up to 200 visible ASCII characters",
    "digest": "give a SHA-256 in small hexadecimal digits",
}
_NEVER = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")
_VERSIONS = 2**31 - 1
_DETAILS = 64 * 1024


def fits(kind: str, name: str) -> bool:
    """Whether a text can be the name of such a thing; any kind that has no form of its own has the common one."""
    return _FORMS.get(kind, _NAME).fullmatch(name) is not None


def checked(kind: str, name: str) -> str:
    """Return a new thing's name. Raises InvalidError."""
    if not fits(kind, name):
        hint = _HINTS.get(kind, "use up to 100 letters, digits, and _ . - after the first")
        raise InvalidError(f"{name[:80]!r} cannot be the {_called(kind)}", hint)
    return name


def known(kind: str, name: str) -> str:
    """Return the name of a thing that is looked for. Raises NotFoundError for one that no such thing can have."""
    if not fits(kind, name):
        raise NotFoundError(kind, name)
    return name


def numbered(kind: str, version: int) -> int:
    """Return the number of a version that is looked for. Raises NotFoundError for one that cannot be."""
    if not 1 <= version <= _VERSIONS:
        raise NotFoundError(f"version of the {kind}", version)
    return version


def text(what: str, value: str, most: int = 1_000, *, least: int = 0) -> str:
    """Return a text that both databases can hold and a terminal can show. Raises InvalidError."""
    if not least <= len(value) <= most:
        raise InvalidError(f"the {what} has {len(value)} characters", f"use {least} to {most}")
    wrong = _NEVER.search(value)
    if wrong is not None:
        raise InvalidError(
            f"the {what} holds the character U+{ord(wrong[0]):04X}",
            "take it out; it cannot be shown",
        )
    return value


def canonical(value: Any) -> str:
    """Return plain data as JSON in one form only: keys sorted, no spaces, ASCII. Raises InvalidError for anything else."""
    try:
        found = json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidError(f"this is no plain data: {error}") from error
    if len(found) > _DETAILS:
        raise InvalidError(f"this is longer than {_DETAILS} bytes of JSON", "shorten it")
    return found


def _called(kind: str) -> str:
    return kind if kind in ("digest", "idempotency key") else f"name of a {kind}"
