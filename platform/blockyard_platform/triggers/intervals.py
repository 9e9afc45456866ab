"""Intervals in words (daily, weekly, monthly) as cron expressions."""

from __future__ import annotations

import re
from typing import Any

from blockyard_platform.triggers.findings import Findings, Path

_DAYS = ("sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday")
_INTERVALS = ("daily", "weekly", "monthly")
_LAST_DAY = 28
_TIME = re.compile(r"([01]?[0-9]|2[0-3]):([0-5][0-9])")


def interval_cron(row: dict[str, Any], path: Path, findings: Findings) -> str | None:
    """Return the cron expression of ``{interval, day, time}``; ``None`` after a problem.

    ``time`` is hour and minute, midnight without it. ``day`` is a weekday (Monday without it) of a week, or 1 to 28 (the
    first without it) of a month: a later day is not in each month, and would be left out without a word.
    """
    interval = findings.choice(row["interval"], (*path, "interval"), _INTERVALS)
    clock = _clock(row.get("time", "00:00"), (*path, "time"), findings)
    if interval is None or clock is None:
        return None
    if interval == "daily":
        if "day" in row:
            findings.add(
                "kinds", (*path, "day"), "a daily interval has no day", "take it out, or use weekly"
            )
            return None
        return f"{clock} * * *"
    place = (*path, "day")
    if interval == "weekly":
        weekday = _weekday(row.get("day", "monday"), place, findings)
        return None if weekday is None else f"{clock} * * {weekday}"
    day = _day(row.get("day", 1), place, findings)
    return None if day is None else f"{clock} {day} * *"


def _clock(value: Any, path: Path, findings: Findings) -> str | None:
    time = _TIME.fullmatch(value) if isinstance(value, str) else None
    if time is None:
        findings.must("format", path, "hour and minute", value, "write '06:30', in quotes")
        return None
    return f"{int(time.group(2))} {int(time.group(1))}"


def _weekday(value: Any, path: Path, findings: Findings) -> int | None:
    short = {name[:3]: name for name in _DAYS}
    word = value.lower() if isinstance(value, str) else value
    name = findings.choice(short.get(word, word) if isinstance(word, str) else word, path, _DAYS)
    return None if name is None else _DAYS.index(name)


def _day(value: Any, path: Path, findings: Findings) -> int | None:
    if isinstance(value, str) and value.isascii() and value.isdecimal() and len(value) <= 2:
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= _LAST_DAY:
        hint = "a later day is not in every month: write a cron, such as '0 6 31 * *'"
        findings.must("range", path, f"a day from 1 to {_LAST_DAY}", value, hint)
        return None
    return value
