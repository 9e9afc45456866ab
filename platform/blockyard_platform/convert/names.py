"""Foreign ids as ours: a letter or ``_``, then letters, digits, ``_`` and ``-``; no two alike."""

from __future__ import annotations

import re
from collections.abc import Iterable

from blockyard_platform.naming import Names

_FITS = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,99}")
_OTHER = re.compile(r"[^A-Za-z0-9_-]+")
_LONGEST = 90


def fits(name: str) -> bool:
    """Whether a name may stand as an id in our documents."""
    return _FITS.fullmatch(name) is not None


def slug(name: str, prefix: str = "n") -> str:
    """Return the nearest name that fits; ``prefix`` goes before one that begins with a digit or is empty."""
    if fits(name):
        return name
    text = _OTHER.sub("-", name).strip("-")[:_LONGEST]
    return text if fits(text) else f"{prefix}-{text}".rstrip("-")


def renamed(names: Iterable[str], prefix: str) -> dict[str, str]:
    """Return our name for each of several foreign ones; those that fit keep theirs."""
    given = list(dict.fromkeys(names))
    fitting = {name: name for name in given if fits(name)}
    free = Names(fitting)
    return {
        name: fitting[name] if name in fitting else free.take(slug(name, prefix)) for name in given
    }
