"""When a cron expression fires in a time zone.

The library ``cronsim`` reads the fields and finds the next time that a clock shows; what happens where a zone's clock jumps is
decided here, by the rule of vixie cron (cron(8) of Debian, "Notes"; ``find_jobs`` and the main loop in its cron.c):

* A **fixed-time** job has no ``*`` at the start of its minute field or of its hour field (``30 2 * * *``). When its
  time is skipped in spring, it runs once, at the first moment after the gap; several skipped times run once together.
  When its time comes twice in autumn, it runs the first time only.
* A **wildcard** job has one (``*/15 * * * *``, ``0 */2 * * *``, ``@hourly``, and also ``*/15 2 * * *``). It follows the clock:
  times that are skipped do not run, times that come twice run twice.

Vixie cron does so for changes of less than three hours, since it cannot tell daylight saving from a corrected clock. Here the
zone says what it is, and the rule holds for a change of any size.

Where day-of-month and day-of-week are both restricted, either is enough; where one begins with ``*``, both must match (Debian).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

from blockyard_platform.triggers.fields import CronError, checked
from blockyard_platform.triggers.zones import change, clock, instants, zone_of

__all__ = ["MOST_FIRES", "Cron", "CronError"]

MOST_FIRES = 10_000
"""Fires that one call of ``between`` may return."""

_SECOND = timedelta(seconds=1)
_TRIES = 100  # times in gaps, one after the other; years of changes that all fall on the same date have fewer
_FIRST_YEAR, _LAST_YEAR = 1900, 9900  # cronsim gives up after 50 years, which must still be dates


@dataclass(frozen=True, slots=True)
class Cron:
    """A cron expression in a zone; ``expression`` has five upper-case fields. Made by ``parse``."""

    expression: str
    timezone: str
    zone: ZoneInfo = field(repr=False, compare=False)

    def __reduce__(self) -> tuple[Callable[[str, str], Cron], tuple[str, str]]:
        """Copy and pickle by name: a zone that was read from a file cannot be pickled."""
        return Cron.parse, (self.expression, self.timezone)

    @classmethod
    def parse(cls, text: str, zone: str = "UTC") -> Cron:
        """Read an expression and the name of a zone.

        Raises CronError, which names the field, for what ``fields.checked`` refuses and for days that no chosen month has
        (30 February); ValueError for an unknown zone.
        """
        expression = checked(text)
        try:
            CronSim(expression, datetime(2000, 1, 1))
        except CronSimError:
            day, month = expression.split(" ")[2:4]
            raise CronError(
                f"the field day-of-month of the cron expression has {day!r}, a day that the month"
                f" {month!r} never has: it would not run"
            ) from None
        return cls(expression, zone, zone_of(zone))

    @property
    def is_wild(self) -> bool:
        """Whether the job follows the clock where it jumps, instead of running once."""
        return any(field.startswith("*") for field in self.expression.split(" ")[:2])

    def next(self, after: datetime) -> datetime:
        """Return the first fire (UTC) after an instant.

        Takes a bounded number of steps, about a thousand for the rarest date (a Sunday 29 February). Raises ValueError for a
        datetime without a zone, and CronError outside the years 1900 to 9900.
        """
        if after.tzinfo is None:
            raise ValueError("the instant has no zone: give a datetime with one, such as UTC")
        if not _FIRST_YEAR <= after.year <= _LAST_YEAR:
            raise CronError(f"fires are told for the years {_FIRST_YEAR} to {_LAST_YEAR} only")
        instant = after.astimezone(UTC).replace(microsecond=0)
        return self._next_wild(instant) if self.is_wild else self._next_fixed(instant)

    def between(self, first: datetime, last: datetime, most: int) -> tuple[datetime, ...]:
        """Return the fires after ``first`` up to and with ``last``, the earliest ``most`` of them (at most 10 000)."""
        if not 0 <= most <= MOST_FIRES:
            raise ValueError(f"at most {MOST_FIRES} fires are returned, not {most}")
        found: list[datetime] = []
        at = first
        while len(found) < most and (at := self.next(at)) <= last:
            found.append(at)
        return tuple(found)

    def latest(self, first: datetime, last: datetime) -> datetime | None:
        """Return the last fire after ``first`` up to and with ``last``; about 40 calls of ``next``, however many lie between."""
        found = self.next(first)
        if found > last:
            return None
        low, high = found, last  # a fire, and an instant up to which one more may lie
        while high - low >= _SECOND:
            middle = low + (high - low) / 2
            found = self.next(middle)
            if found <= last:
                low = found
            else:
                high = middle
        return low

    def _next_fixed(self, after: datetime) -> datetime:
        start = clock(after, self.zone)
        first, second = instants(start, self.zone)
        if (
            first < second == after
        ):  # shown for the second time: all up to the change has had its turn
            moment = change(first, second, self.zone)
            start = clock(moment, self.zone) + (second - first) - _SECOND
        first, second = instants(found := self._step(start), self.zone)
        return first if first <= second else self._gap_end(found)

    def _next_wild(self, after: datetime) -> datetime:
        start = clock(after, self.zone)
        first, second = instants(start, self.zone)
        if after == first < second:  # the clock will be put back, and show again what it has shown
            moment = change(first, second, self.zone)
            again = clock(moment, self.zone)
            found = self._step(start)
            if found < again + (second - first):
                return instants(found, self.zone)[0]
            start = again - _SECOND
        for _ in range(_TRIES):
            found = self._step(start)
            first, second = instants(found, self.zone)
            if first <= second:
                return first if first > after else second
            start = clock(self._gap_end(found), self.zone) - _SECOND
        raise CronError("the times of the cron expression are skipped by the zone again and again")

    def _gap_end(self, skipped: datetime) -> datetime:
        after, before = instants(skipped, self.zone)
        return change(before, after, self.zone)

    def _step(self, shown_time: datetime) -> datetime:
        """Return the next time on a clock that never jumps."""
        for found in CronSim(self.expression, shown_time):
            return found
        raise CronError("the cron expression has no fire within 50 years")
