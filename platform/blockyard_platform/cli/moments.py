"""Times of a command line: a duration before or after now, or a date with its zone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from blockyard_schemas.problems import InvalidDocumentError, Problem


def ahead(text: str) -> datetime:
    """Return a time: after a duration from now on, or a date. Raises InvalidDocumentError."""
    return _read(text, 1)


def ago(text: str) -> datetime:
    """Return a time: a duration before now, or a date. Raises InvalidDocumentError."""
    return _read(text, -1)


def _read(text: str, sign: int) -> datetime:
    from blockyard_platform.durations import seconds_of

    try:
        return datetime.now(UTC) + sign * timedelta(seconds=seconds_of(text))
    except ValueError:
        try:
            found = datetime.fromisoformat(text)
        except ValueError:
            raise _wrong(f"{text[:60]!r} is no time") from None
    if found.tzinfo is None:
        raise _wrong(f"{text[:60]!r} has no time zone")
    return found


def _wrong(message: str) -> InvalidDocumentError:
    hint = "write 30d, 12h, or 2027-01-31T12:00Z"
    return InvalidDocumentError([Problem("time", "", message, hint)])
