"""Schedules whose time has come: their fires become orders, in the transaction that moves the schedule on.

However many schedulers look at once, one of them moves a schedule on from a time; the others find that it has been done.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from blockyard_platform.errors import ExpressionError
from blockyard_platform.service.registry import schedules
from blockyard_platform.service.registry.callers import Caller
from blockyard_platform.service.registry.errors import InvalidError, NotFoundError
from blockyard_platform.service.scheduler import orders
from blockyard_platform.service.scheduler.orders import Waiting
from blockyard_platform.service.scheduler.timing import cron_of, first, instant
from blockyard_platform.triggers.filling import filled
from blockyard_platform.triggers.missed import MISSED, due
from blockyard_platform.triggers.overlap import MOST_QUEUED, OVERLAP

if TYPE_CHECKING:
    from blockyard_platform.service.registry.database import Database, Writing
    from blockyard_platform.service.registry.schedules import Schedule
    from blockyard_platform.triggers.cron import Cron
    from blockyard_platform.triggers.missed import Fire, Missed

AHEAD = 3_600.0
"""Seconds by which the clock may be put back without a schedule being timed anew: it just waits until then."""

NEVER = "it does not fire within the next 50 years"

_MOST = 100
_SERVICE = Caller.service()


def adopt(database: Database) -> int:
    """Time schedules that are new, were switched on, or were timed by a clock that was put back since; return how many."""
    count = 0
    while True:
        with database.reading() as work:
            found = schedules.strays(work, _SERVICE, AHEAD, _MOST)
        count += sum([_adopted(database, each) for each in found])
        if len(found) < _MOST:
            return count


def _adopted(database: Database, schedule: Schedule) -> bool:
    with database.writing() as work:
        problem: str | None = None
        next_at: float | None = None
        try:
            next_at = first(_checked(schedule), work.now)
            problem = NEVER if next_at is None else None
        except ValueError as error:
            problem = str(error)
        # A time of the future, at which nothing can have been due, is forgotten.
        known = schedule.created if schedule.last_at is None else schedule.last_at
        last = work.now if known > work.now + AHEAD else None
        return _move(work, schedule, next_at, last=last, problem=problem)


def fire(database: Database) -> int:
    """Make orders of all schedules whose time has come; return how many. Bounded by the schedules that there are."""
    count = 0
    while True:
        with database.reading() as work:
            found = schedules.due(work, _SERVICE, _MOST)
        moved = [_fired(database, each) for each in found]
        count += sum(made for made, _ in moved)
        if len(found) < _MOST or not any(done for _, done in moved):
            return count


def _fired(database: Database, schedule: Schedule) -> tuple[int, bool]:
    """Return how many orders were made, and whether the schedule was moved on here."""
    with database.writing() as work:
        try:
            cron = _checked(schedule)
            was = schedule.timing.next_at or 0.0
            # From the fire that is due on nothing has been dealt with.
            told = due(cron, _missed(schedule), instant(was - 1), instant(work.now))
            next_at = first(cron, max(work.now, told.last.timestamp()))
            waiting = [_order(schedule, each) for each in told.fires]
        except (ValueError, ExpressionError) as error:
            return 0, _move(work, schedule, None, problem=str(error))
        problem = NEVER if next_at is None else None
        if not _move(work, schedule, next_at, last=told.last.timestamp(), problem=problem):
            return 0, False
        return _add(work, schedule, waiting), True


def _move(
    work: Writing,
    schedule: Schedule,
    next_at: float | None,
    *,
    last: float | None = None,
    problem: str | None = None,
) -> bool:
    was = schedule.timing.next_at
    try:
        return schedules.advance(
            work, _SERVICE, schedule.tenant, schedule.name, was, next_at, last=last, problem=problem
        )
    except NotFoundError:
        return False


def _add(work: Writing, schedule: Schedule, waiting: list[Waiting]) -> int:
    """Add orders; of a schedule whose fires queue no more than may wait."""
    room = len(waiting)
    if schedule.timing.overlap == "queue":
        held = orders.waiting_of(work, _SERVICE, schedule.tenant, schedule.name)
        # One more than wait: whether the first has to is seen when it is submitted.
        room = max(0, MOST_QUEUED + 1 - held)
    count = 0
    for each in waiting[:room]:
        try:
            count += orders.add(work, _SERVICE, each)
        except InvalidError as error:
            orders.add(work, _SERVICE, replace(each, params={}))
            orders.give_up(work, _SERVICE, each.tenant, each.key, str(error))
    return count


def _order(schedule: Schedule, fire: Fire) -> Waiting:
    nominal = fire.nominal.timestamp()
    data = {
        "nominal": fire.nominal.isoformat(),
        "missed": fire.missed,
        "schedule": schedule.name,
    }
    timing = schedule.timing
    params: Any = filled(dict(timing.params or {}), "fire", data)
    return Waiting(
        tenant=schedule.tenant,
        key=orders.key_of("schedule", schedule.name, str(int(nominal))),
        workflow=timing.workflow,
        origin=f"schedule/{schedule.name}",
        at=nominal,
        version=timing.version,
        params=params,
        schedule=schedule.name,
        overlap=timing.overlap,
    )


def _checked(schedule: Schedule) -> Cron:
    """Return the cron of a row, all of which can be read. Raises ValueError."""
    _missed(schedule)
    if schedule.timing.overlap not in OVERLAP:
        raise ValueError(f"overlap is one of {', '.join(OVERLAP)}")
    return cron_of(schedule.timing)


def _missed(schedule: Schedule) -> Missed:
    for known in MISSED:
        if schedule.timing.missed == known:
            return known
    raise ValueError(f"missed is one of {', '.join(MISSED)}")
