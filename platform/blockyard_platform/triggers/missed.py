"""Fires that are due: those on time, and those that were missed while nothing watched the clock."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal, TypeAlias, get_args

from blockyard_platform.triggers.cron import Cron

Missed: TypeAlias = Literal["skip", "once", "all"]
"""What becomes of missed fires: none runs, one runs for all, or all run (up to a bound)."""

MISSED: tuple[Missed, ...] = get_args(Missed)

MOST_MISSED = 100
"""Missed fires that are started together at most."""

GRACE = timedelta(minutes=1)
"""How late a fire may be and still count as on time."""


@dataclass(frozen=True, slots=True)
class Fire:
    """One run to start: the time for which it was meant (UTC), and whether it was missed then."""

    nominal: datetime
    missed: bool


@dataclass(frozen=True, slots=True)
class Due:
    """What to start now, oldest first.

    ``last`` is the nominal time to keep, and to give as ``last`` the next time; ``dropped`` tells that fires were missed for
    which no run is started.
    """

    fires: tuple[Fire, ...]
    last: datetime
    dropped: bool


def due(
    cron: Cron,
    missed: Missed,
    last: datetime,
    now: datetime,
    *,
    grace: timedelta = GRACE,
    most: int = MOST_MISSED,
) -> Due:
    """Return the runs that a schedule is to start at ``now``.

    ``last`` is the nominal time of the fire that was handled last, started or not; for a new schedule, the time at which it
    was made. A fire not older than ``grace`` is on time and starts whatever the policy says. ``skip`` starts those only;
    ``once`` starts one run, with the nominal time of the newest fire; ``all`` starts the newest ``most``. Nothing is due
    when the clock was put back before ``last``. The work is bounded by ``most``, not by the time that has passed.
    """
    if most < 1:
        raise ValueError(f"at least one fire must be allowed, not {most}")
    newest = cron.latest(last, now) if now > last else None
    if newest is None:
        return Due((), last, dropped=False)
    number = 1 if missed == "once" else most
    # `latest` leaves out the instant it begins with, and a fire that is exactly `grace` old is on time.
    since = max(last, now - grace - timedelta(seconds=1)) if missed == "skip" else last
    times = _newest(cron, since, now, number)
    fires = tuple(Fire(time, missed=now - time > grace) for time in times)
    if missed == "skip":
        fires = tuple(fire for fire in fires if not fire.missed)
    dropped = not fires or cron.next(last) < fires[0].nominal
    return Due(fires, newest, dropped)


def _newest(cron: Cron, first: datetime, last: datetime, most: int) -> tuple[datetime, ...]:
    found: list[datetime] = []
    until = last.astimezone(UTC)
    while len(found) < most and (at := cron.latest(first, until)) is not None:
        found.append(at)
        until = at - timedelta(seconds=1)
        if until <= first:
            break
    return tuple(reversed(found))
