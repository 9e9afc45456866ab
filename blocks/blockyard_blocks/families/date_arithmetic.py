"""Date: reckoning with dates, which are ISO 8601 texts as in the other blocks of the family."""

import datetime as dt
from typing import Literal

from blockyard_blocks.declaring import Example, family
from blockyard_blocks.families.date_parts import days_in_month
from blockyard_blocks.families.list_changes import MOST_ITEMS
from blockyard_blocks.moments import Moment, as_moment, read_moment, write_moment

date_block = family("date")

Unit = Literal["year", "quarter", "month", "week", "day", "hour", "minute", "second"]
Units = Literal["years", "months", "weeks", "days", "hours", "minutes", "seconds"]

_SECONDS = {"weeks": 604800, "days": 86400, "hours": 3600, "minutes": 60, "seconds": 1}


@date_block(
    Example({"date": "2026-01-31", "months": 1}, "2026-02-28"),
    Example({"date": "2026-01-31T23:30:00", "minutes": 45}, "2026-02-01T00:15:00"),
)
def add(
    *,
    date: str,
    years: int = 0,
    months: int = 0,
    weeks: int = 0,
    days: int = 0,
    hours: float = 0,
    minutes: float = 0,
    seconds: float = 0,
) -> str:
    """Move a date; negative numbers go back. A day that the new month lacks becomes its last.

    - date: the date, in ISO 8601
    - years: so many years
    - months: so many months
    - weeks: so many weeks
    - days: so many days
    - hours: so many hours
    - minutes: so many minutes
    - seconds: so many seconds
    """
    found = read_moment(date)
    try:
        moved = _by_months(found, 12 * years + months) + dt.timedelta(weeks=weeks, days=days)
        if hours or minutes or seconds:
            moved = as_moment(moved) + dt.timedelta(hours=hours, minutes=minutes, seconds=seconds)
    except OverflowError:
        raise ValueError("the result is outside of the years 1 to 9999") from None
    return write_moment(moved)


def _by_months(moment: Moment, months: int) -> Moment:
    year, month = divmod(moment.year * 12 + moment.month - 1 + months, 12)
    if not 1 <= year <= 9999:
        raise OverflowError
    day = min(moment.day, days_in_month(year, month + 1))
    return moment.replace(year=year, month=month + 1, day=day)


@date_block(
    Example({"first": "2026-01-01", "second": "2026-01-31"}, 30),
    Example({"first": "2026-01-31", "second": "2026-03-30", "unit": "months"}, 1),
    Example(
        {"first": "2026-01-01T00:00:00", "second": "2026-01-01T01:30:00", "unit": "hours"}, 1.5
    ),
)
def diff(*, first: str, second: str, unit: Units = "days") -> int | float:
    """Return how long it is from one date to another; negative when the second is earlier.

    - first: a date, in ISO 8601
    - second: a date, in ISO 8601; both have an offset or neither has
    - unit: what to count in; years and months are counted when they are full
    """
    one, other = _pair(first, second)
    if unit == "years" or unit == "months":
        months = _full_months(one, other)
        return int(months / 12) if unit == "years" else months
    microseconds = (other - one) // dt.timedelta(microseconds=1)
    count, rest = divmod(microseconds, _SECONDS[unit] * 1_000_000)
    return count if rest == 0 else microseconds / (_SECONDS[unit] * 1_000_000)


def _full_months(first: dt.datetime, second: dt.datetime) -> int:
    if second < first:
        return -_full_months(second, first)
    months = (second.year - first.year) * 12 + second.month - first.month
    return months - (as_moment(_by_months(first, months)) > second)


def _pair(first: str, second: str) -> tuple[dt.datetime, dt.datetime]:
    one, other = as_moment(read_moment(first)), as_moment(read_moment(second))
    if (one.tzinfo is None) is not (other.tzinfo is None):
        raise ValueError(
            "one date has an offset and the other has none; date.parse can give it one"
        )
    return one, other


@date_block(Example({"first": "2026-01-31", "operator": "<", "second": "2026-02-01"}, True))
def compare(*, first: str, operator: Literal["=", "!=", "<", "<=", ">", ">="], second: str) -> bool:
    """Compare two dates as moments.

    - first: the date on the left, in ISO 8601
    - operator: < is earlier than
    - second: the date on the right; both have an offset or neither has
    """
    one, other = _pair(first, second)
    return {
        "=": one == other,
        "!=": one != other,
        "<": one < other,
        "<=": one <= other,
        ">": one > other,
        ">=": one >= other,
    }[operator]


@date_block(
    Example({"date": "2026-05-20", "unit": "quarter"}, "2026-04-01"),
    Example({"date": "2026-01-31T08:45:10", "unit": "hour"}, "2026-01-31T08:00:00"),
)
def start_of(*, date: str, unit: Unit) -> str:
    """Return the beginning of the year, month, week (Monday), day ... that a date is in.

    - date: the date, in ISO 8601
    - unit: what begins
    """
    return write_moment(_start(read_moment(date), unit))


@date_block(
    Example({"date": "2026-02-10", "unit": "month"}, "2026-02-28"),
    Example({"date": "2026-02-10T12:00:00", "unit": "day"}, "2026-02-10T23:59:59"),
)
def end_of(*, date: str, unit: Unit) -> str:
    """Return the last day, or the last second, of the year, month, week, day ... that a date is in.

    - date: the date, in ISO 8601
    - unit: what ends
    """
    found = read_moment(date)
    start = _start(found, unit)
    months = {"year": 12, "quarter": 3, "month": 1}.get(unit, 0)
    try:
        if months:
            after = _by_months(start, months)
        else:
            after = start + dt.timedelta(seconds=_SECONDS[f"{unit}s"])
    except OverflowError:
        raise ValueError("the end is outside of the years 1 to 9999") from None
    alone = not isinstance(found, dt.datetime)
    return write_moment(
        max(start, after - (dt.timedelta(days=1) if alone else dt.timedelta(seconds=1)))
    )


def _start(moment: Moment, unit: Unit) -> Moment:
    if unit == "week":
        moment = moment - dt.timedelta(days=moment.weekday())
    elif unit in ("year", "quarter", "month"):
        first = {"year": 1, "quarter": (moment.month - 1) // 3 * 3 + 1, "month": moment.month}[unit]
        moment = moment.replace(month=first, day=1)
    if not isinstance(moment, dt.datetime):
        return moment
    if unit == "second":
        return moment.replace(microsecond=0)
    if unit == "minute":
        return moment.replace(second=0, microsecond=0)
    hour = moment.hour if unit == "hour" else 0
    return moment.replace(hour=hour, minute=0, second=0, microsecond=0)


@date_block(
    Example(
        {"start": "2026-01-30", "stop": "2026-02-01"}, ["2026-01-30", "2026-01-31", "2026-02-01"]
    ),
    Example(
        {"start": "2026-01-31", "stop": "2026-03-31", "unit": "months"},
        ["2026-01-31", "2026-02-28", "2026-03-31"],
    ),
)
def range_(*, start: str, stop: str, step: int = 1, unit: Units = "days") -> list[str]:
    """Return dates from one to another, both among them.

    - start: the first date, in ISO 8601
    - stop: the date to stop at
    - step: from one to the next, at least 1
    - unit: what the step is counted in
    """
    if step < 1:
        raise ValueError(f"step is {step}; it must be at least 1")
    _, last = _pair(start, stop)
    dates: list[str] = []
    while len(dates) < MOST_ITEMS:
        following = add(date=start, **{unit: step * len(dates)})
        if as_moment(read_moment(following)) > last:
            return dates
        dates.append(following)
    raise ValueError(f"the list would have more than {MOST_ITEMS} items")


@date_block(
    Example({"date": "2026-01-30", "days": 2}, "2026-02-03"),
    Example({"date": "2026-01-30", "days": 1, "holidays": ["2026-02-02"]}, "2026-02-03"),
)
def add_workdays(*, date: str, days: int, holidays: list[str] | None = None) -> str:
    """Move a date by working days, Monday to Friday.

    - date: the date, in ISO 8601
    - days: so many working days; a negative number goes back; at most 100000
    - holidays: dates that are no working days
    """
    if abs(days) > 100_000:
        raise ValueError("days must be from -100000 to 100000")
    found = read_moment(date)
    free = {as_moment(read_moment(day)).date() for day in holidays or ()}
    left, step = abs(days), dt.timedelta(days=1 if days > 0 else -1)
    try:
        while left:
            found += step
            left -= found.weekday() < 5 and as_moment(found).date() not in free
    except OverflowError:
        raise ValueError("the result is outside of the years 1 to 9999") from None
    return write_moment(found)
