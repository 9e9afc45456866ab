"""Date: reading and writing dates, and their parts.

A date is a text in ISO 8601: ``2026-01-31``, or with a time ``2026-01-31T12:00:00``, or with an offset too.
What is made of a date alone is a date alone; what has an offset keeps it.
"""

import datetime as dt
import re
import zoneinfo

from blockyard_blocks.declaring import Example, family
from blockyard_blocks.moments import Moment, as_moment, read_moment, write_moment, zone

date_block = family("date")

_FIELD = re.compile(r"%(.)")
_TIME_FIELDS = frozenset("HIMSfpzZXc")
_YEAR_FIELDS = frozenset("YyGcx")


def preload() -> None:
    """Load what the library would read from files at the first use."""
    dt.datetime.strptime("2000", "%Y")
    zoneinfo.ZoneInfo("UTC")


@date_block(
    Example({"text": "31.01.2026", "format": "%d.%m.%Y"}, "2026-01-31"),
    Example({"text": "2026-01-31 08:30", "timezone": "Europe/Paris"}, "2026-01-31T08:30:00+01:00"),
)
def parse(*, text: str, format: str | None = None, timezone: str | None = None) -> str:  # noqa: A002
    """Read a date from a text.

    - text: the text
    - format: how it is written, with %d, %m, %Y, %H, %M, %S ...; without it ISO 8601
    - timezone: the zone it is meant in when it has no offset, like Europe/Paris
    """
    found = read_moment(text) if format is None else _parsed(text, format)
    if timezone is not None:
        moment = as_moment(found)
        found = moment if moment.tzinfo else moment.replace(tzinfo=zone(timezone))
    return write_moment(found)


def _parsed(text: str, form: str) -> Moment:
    fields = set(_FIELD.findall(form))
    if not fields & _YEAR_FIELDS:
        raise ValueError(f"the format {form[:80]!r} has no year, so it makes no date; add %Y or %y")
    try:
        found = dt.datetime.strptime(text, form)
    except ValueError as error:
        raise ValueError(str(error)[:200]) from None
    return found if fields & _TIME_FIELDS else found.date()


@date_block(
    Example({"date": "2026-01-31T08:30:00", "format": "%d %B %Y, %H:%M"}, "31 January 2026, 08:30")
)
def format_(*, date: str, format: str) -> str:  # noqa: A002
    """Write a date.

    - date: the date, in ISO 8601
    - format: how to write it, with %d, %m, %Y, %H, %M, %S, %A, %B ...
    """
    return as_moment(read_moment(date)).strftime(format)


@date_block(
    Example({"text": "2026-02-30"}, False), Example({"text": "1/2/26", "format": "%d/%m/%y"}, True)
)
def is_valid(*, text: str, format: str | None = None) -> bool:  # noqa: A002
    """Tell whether a text is a date.

    - text: the text
    - format: how it should be written; without it ISO 8601
    """
    try:
        parse(text=text, format=format)
    except ValueError:
        return False
    return True


@date_block(
    Example(
        {"date": "2026-01-31"},
        {
            "year": 2026,
            "month": 1,
            "day": 31,
            "hour": 0,
            "minute": 0,
            "second": 0,
            "microsecond": 0,
            "weekday": 6,
            "week": 5,
            "day_of_year": 31,
            "quarter": 1,
            "days_in_month": 31,
            "offset_seconds": None,
        },
    )
)
def parts(*, date: str) -> dict[str, int | None]:
    """Return the parts of a date: year to microsecond, weekday (Monday is 1), week (ISO), quarter and more.

    - date: the date, in ISO 8601
    """
    moment = as_moment(read_moment(date))
    offset = moment.utcoffset()
    return {
        "year": moment.year,
        "month": moment.month,
        "day": moment.day,
        "hour": moment.hour,
        "minute": moment.minute,
        "second": moment.second,
        "microsecond": moment.microsecond,
        "weekday": moment.isoweekday(),
        "week": moment.isocalendar().week,
        "day_of_year": moment.timetuple().tm_yday,
        "quarter": (moment.month + 2) // 3,
        "days_in_month": days_in_month(moment.year, moment.month),
        "offset_seconds": None if offset is None else round(offset.total_seconds()),
    }


@date_block(Example({"timezone": "Europe/Paris"}, "2026-01-31T08:30:00+01:00", varies=True))
def now(*, timezone: str = "UTC") -> str:
    """Return this moment, to the second.

    - timezone: the zone to write it in, like Europe/Paris
    """
    return write_moment(dt.datetime.now(zone(timezone)).replace(microsecond=0))


@date_block(Example({}, "2026-01-31", varies=True))
def today(*, timezone: str = "UTC") -> str:
    """Return the date of today.

    - timezone: where, like Europe/Paris
    """
    return write_moment(dt.datetime.now(zone(timezone)).date())


@date_block(
    Example(
        {"date": "2026-07-01T12:00:00+00:00", "timezone": "Asia/Tokyo"}, "2026-07-01T21:00:00+09:00"
    ),
    Example(
        {"date": "2026-07-01T12:00:00", "source": "Europe/Paris", "timezone": "UTC"},
        "2026-07-01T10:00:00+00:00",
    ),
)
def convert(*, date: str, timezone: str, source: str | None = None) -> str:
    """Return the same moment in another time zone.

    - date: the date with its time, in ISO 8601
    - timezone: the zone to write it in, like Europe/Paris
    - source: the zone it is meant in when it has no offset
    """
    moment = as_moment(read_moment(date))
    if moment.tzinfo is None:
        if source is None:
            raise ValueError(
                f"{date[:40]!r} has no offset; give source, the time zone it is meant in"
            )
        moment = moment.replace(tzinfo=zone(source))
    return write_moment(moment.astimezone(zone(timezone)))


@date_block(Example({"seconds": 1769848200}, "2026-01-31T08:30:00+00:00"))
def from_timestamp(*, seconds: float, timezone: str = "UTC") -> str:
    """Return the date of a Unix time.

    - seconds: seconds since 1970-01-01 in UTC
    - timezone: the zone to write it in
    """
    try:
        return write_moment(dt.datetime.fromtimestamp(seconds, zone(timezone)))
    except (OverflowError, OSError, ValueError):
        raise ValueError(f"{seconds} seconds is outside of the years 1 to 9999") from None


@date_block(Example({"date": "2026-01-31T08:30:00Z"}, 1769848200.0))
def to_timestamp(*, date: str, timezone: str = "UTC") -> float:
    """Return the Unix time of a date: seconds since 1970-01-01 in UTC.

    - date: the date, in ISO 8601
    - timezone: the zone it is meant in when it has no offset
    """
    moment = as_moment(read_moment(date))
    return (moment if moment.tzinfo else moment.replace(tzinfo=zone(timezone))).timestamp()


def days_in_month(year: int, month: int) -> int:
    """Return how many days a month has."""
    if month == 2:
        return 29 if year % 4 == 0 and (year % 100 != 0 or year % 400 == 0) else 28
    return 30 if month in (4, 6, 9, 11) else 31
