"""The five fields of a cron expression, checked before a library sees them. A message names the field."""

from __future__ import annotations

import re
from typing import NamedTuple

from blockyard_schemas.nearest import did_you_mean
from blockyard_schemas.showing import shown

LONGEST = 200
"""Characters of an expression."""

_SHORT = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
_SPACES = re.compile(r"[ \t]+")
_ITEM = re.compile(r"(\*|([0-9A-Z]{1,3})(?:-([0-9A-Z]{1,3}))?)(?:/([0-9]{1,2}))?")


class CronError(ValueError):
    """A cron expression that is not taken; the message names the field and says what is."""


class _Field(NamedTuple):
    name: str
    least: int
    most: int
    words: tuple[str, ...] = ()

    @property
    def span(self) -> str:
        words = f", or {self.words[0]} to {self.words[-1]}" if self.words else ""
        return f"{self.least} to {self.most}{words}"


_MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_DAYS = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")
_FIELDS = (
    _Field("minute", 0, 59),
    _Field("hour", 0, 23),
    _Field("day-of-month", 1, 31),
    _Field("month", 1, 12, _MONTHS),
    _Field("day-of-week", 0, 7, _DAYS),
)


def checked(text: str) -> str:
    """Return an expression as five upper-case fields with single spaces; raise CronError.

    Taken are numbers, names of months and days, ``*``, ranges, lists, steps after ``*`` or a range, and ``@hourly`` and
    the like. That is what crontab(5) has; ``L``, ``W``, ``#`` and ``?`` of other schedulers are refused.
    """
    if len(text) > LONGEST:
        raise CronError(f"the cron expression is longer than {LONGEST} characters")
    line = text.strip(" \t")
    if line.startswith("@"):
        return _short(line)
    parts = _SPACES.split(line.upper()) if line.isascii() else [line]
    if len(parts) == len(_FIELDS) + 1:
        raise CronError(
            "the cron expression has six fields: a field for the second (or the year) is not"
            " taken; write minute, hour, day-of-month, month, day-of-week"
        )
    if len(parts) != len(_FIELDS):
        raise CronError(
            f"{shown(text)} is not a cron expression of five fields: write minute, hour,"
            " day-of-month, month, day-of-week, such as '30 6 * * MON-FRI'"
        )
    fields = zip(_FIELDS, parts, strict=True)
    return " ".join(
        ",".join(_item(field, item) for item in part.split(",")) for field, part in fields
    )


def _short(text: str) -> str:
    word = text.lower()
    if word == "@reboot":
        raise CronError("@reboot is not a time: a schedule has hours and days, such as @hourly")
    if word not in _SHORT:
        hint = did_you_mean(word, _SHORT) or f"write one of {', '.join(_SHORT)}"
        raise CronError(f"{shown(text)} is not a known short form: {hint}")
    return _SHORT[word]


def _item(field: _Field, item: str) -> str:
    """Return one item of a list as the library reads it rightly."""
    found = _ITEM.fullmatch(item)
    if found is None:
        raise _error(
            field, item, "write a number, '*', a range a-b, a step */n or a-b/n, or a list"
        )
    _, low, high, step = found.groups()
    if step is not None and not 1 <= int(step) <= field.most - field.least:
        raise _error(field, item, f"a step is 1 to {field.most - field.least}")
    if low is None:
        return item
    if high is None and step is not None:
        raise _error(field, item, f"a step stands after '*' or a range: {low}-{field.most}/n")
    least = _number(field, low)
    most = least if high is None else _number(field, high)
    if most < least:
        raise _error(field, item, "a range goes from the lower to the higher value")
    # cronsim takes 5-5/10 for 5/10, which is 5-59/10 there; for vixie cron it is 5.
    return low if most == least else item


def _number(field: _Field, word: str) -> int:
    if word in field.words:
        return field.words.index(word) + field.least
    if not word.isdecimal() or not field.least <= int(word) <= field.most:
        raise _error(field, word, f"it takes {field.span}")
    return int(word)


def _error(field: _Field, item: str, hint: str) -> CronError:
    return CronError(f"the field {field.name} of the cron expression has {shown(item)}: {hint}")
