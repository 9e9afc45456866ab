"""Dates and times as ISO 8601 texts."""

import datetime as dt
import zoneinfo
from typing import TypeAlias

Moment: TypeAlias = dt.date | dt.datetime
"""A date alone, or a date with its time."""


def read_moment(text: str) -> Moment:
    """Read a date, or a date with its time, in ISO 8601; raise ValueError."""
    clean = text.strip()
    try:
        if len(clean) <= 10:
            return dt.date.fromisoformat(clean)
        return dt.datetime.fromisoformat(clean)
    except ValueError:
        raise ValueError(
            f"{text[:40]!r} is not a date; write it like 2026-01-31 or 2026-01-31T08:30:00"
        ) from None


def write_moment(moment: Moment) -> str:
    """Write a date in ISO 8601."""
    return moment.isoformat()


def as_moment(value: Moment) -> dt.datetime:
    """Return a date with its time: a date alone is its beginning."""
    if isinstance(value, dt.datetime):
        return value
    return dt.datetime(value.year, value.month, value.day)


def zone(name: str) -> dt.tzinfo:
    """Return a time zone of the IANA data base; raise ValueError."""
    try:
        return zoneinfo.ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise ValueError(
            f"there is no time zone {name[:60]!r}; write one like UTC or Europe/Paris"
        ) from None
