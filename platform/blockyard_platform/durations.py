"""Durations: ``10m``, ``90s``, ``1h30m``, ``250ms``, or a number of seconds."""

from __future__ import annotations

import re

MOST = 366 * 86_400.0
"""Seconds of the longest duration."""

_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}
_PART = re.compile(r"(\d{1,12}(?:\.\d{1,6})?)(ms|s|m|h|d)")
_NUMBER = re.compile(r"\d{1,12}(?:\.\d{1,6})?")


def seconds_of(value: object) -> float:
    """Return a duration in seconds; raise ValueError, with what is accepted, when it is none."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise _error(value)
    seconds = _read(value.strip()) if isinstance(value, str) else float(value)
    if seconds is None or not 0 <= seconds <= MOST:
        raise _error(value)
    return seconds


def _read(text: str) -> float | None:
    if _NUMBER.fullmatch(text):
        return float(text)
    total, position = 0.0, 0
    while found := _PART.match(text, position):
        total += float(found.group(1)) * _UNITS[found.group(2)]
        position = found.end()
    return total if position and position == len(text) else None


def _error(value: object) -> ValueError:
    shown = str(value)[:40]
    return ValueError(
        f"{shown!r} is not a duration: write seconds, or 90s, 10m, 1h30m (at most 366d)"
    )
