"""Orders: runs that are to be submitted. A row is written with what asks for it, and goes when the run is there.

Who submits one leases it for a while. Should they die, another does it again: the key of the order is that of the run, so
that there is one. What can never be submitted stays with its problem, to be seen, until newer ones push it out.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from blockyard_platform.service.registry.access import enter, listing
from blockyard_platform.service.registry.callers import Action
from blockyard_platform.service.registry.errors import InvalidError
from blockyard_platform.service.registry.names import canonical
from blockyard_platform.service.registry.paging import FIRST, Ask, Page, fetch
from blockyard_platform.service.registry.paging import Order as Sorted
from blockyard_platform.service.scheduler.tables import ORDERS

if TYPE_CHECKING:
    from collections.abc import Collection

    from blockyard_platform.service.registry.access import Scope
    from blockyard_platform.service.registry.callers import Caller
    from blockyard_platform.service.registry.database import Reading, Writing

LEASE = 60.0
"""Seconds for which an order is one scheduler's."""
MOST_KEPT = 200
"""Orders with a problem that are kept of a tenant."""
MOST_AT_ONCE = 100
"""Orders that are taken at once."""
SHARE = 10
"""Orders of one tenant that are taken at once: whoever has many does not keep others waiting."""
MOST_OPEN = 1_000
"""Orders of a tenant that wait after runs: workflows that start each other could multiply without end. Those of schedules have bounds of their own."""
LONGEST_KEY = 200
_FAR = 3_600.0

_SORTED = Sorted("orders", (ORDERS.c.tenant, ORDERS.c.key))


@dataclass(frozen=True, slots=True)
class Waiting:
    """A run to submit. ``at`` is the time it is for; ``schedule`` and ``overlap`` are those of a fire; ``depth`` is how many runs stand before it in a chain."""

    tenant: str
    key: str
    workflow: str
    origin: str
    at: float
    version: int | None = None
    params: dict[str, Any] = field(default_factory=dict[str, Any])
    schedule: str | None = None
    overlap: str = "allow"
    depth: int = 0
    tries: int = 0
    problem: str | None = None


def key_of(*parts: str) -> str:
    """Return the key of an order: the parts, or their hash when they are too long."""
    text = "/".join(parts)
    if len(text) <= LONGEST_KEY:
        return text
    return f"{parts[0]}/{hashlib.sha256(text.encode()).hexdigest()}"


def add(work: Writing, caller: Caller, waiting: Waiting) -> bool:
    """Add an order; False when one of its key is there. Raises InvalidError for one after a run when so many of them wait."""
    scope = enter(work, caller, Action.SCHEDULES_ADVANCE, waiting.tenant)
    if waiting.schedule is None and waiting.problem is None:
        _check_room(work, scope)
    row = {
        "key": waiting.key,
        "workflow": waiting.workflow,
        "version": waiting.version,
        "params": canonical(waiting.params),
        "origin": waiting.origin,
        "schedule": waiting.schedule,
        "overlap": waiting.overlap,
        "depth": waiting.depth,
        "at": waiting.at,
        "due": work.now,
        "lease": 0.0,
        "tries": 0,
        "problem": waiting.problem,
    }
    added = scope.insert(work, ORDERS, **row).on_conflict_do_nothing()
    return work.change(added) == 1


def is_due(work: Reading, caller: Caller) -> bool:
    """Whether there is an order to take; asked first, so that nobody writes for nothing."""
    scope = listing(work, caller, Action.SCHEDULES_ADVANCE)
    wanted = scope.select(ORDERS, ORDERS.c.key).where(_open(), *_ready(work.now), _oldest())
    return work.connection.execute(wanted.limit(1)).first() is not None


def take(work: Writing, caller: Caller, limit: int = MOST_AT_ONCE) -> tuple[Waiting, ...]:
    """Lease orders that are due: of each tenant a few, and of each schedule the oldest alone."""
    scope = listing(work, caller, Action.SCHEDULES_ADVANCE)
    place = sa.func.row_number().over(
        partition_by=ORDERS.c.tenant, order_by=(ORDERS.c.at, ORDERS.c.key)
    )
    due = (_open(), *_ready(work.now))
    columns = (ORDERS.c.tenant, ORDERS.c.key, place.label("place"))
    first = scope.select(ORDERS, *columns).where(*due, _oldest()).subquery()
    same = (first.c.tenant == ORDERS.c.tenant, first.c.key == ORDERS.c.key, first.c.place <= SHARE)
    chosen = scope.select(ORDERS).join(first, sa.and_(*same)).where(*due)
    chosen = chosen.order_by(ORDERS.c.at, ORDERS.c.key).limit(min(max(limit, 1), MOST_AT_ONCE))
    locked = chosen.with_for_update(skip_locked=True, of=ORDERS)
    rows: list[Any] = list(work.connection.execute(locked))
    for row in rows:
        mine = (ORDERS.c.tenant == row.tenant, ORDERS.c.key == row.key)
        leased = {"lease": work.now + LEASE, "tries": ORDERS.c.tries + 1}
        work.change(scope.update(ORDERS).where(*mine).values(leased))
    return tuple(_made(row) for row in rows)


def done(work: Writing, caller: Caller, tenant: str, key: str) -> None:
    """Take an order away: its run is there, or is not to be."""
    scope = enter(work, caller, Action.SCHEDULES_ADVANCE, tenant)
    work.change(scope.delete(ORDERS).where(ORDERS.c.key == key))


def later(
    work: Writing, caller: Caller, tenant: str, key: str, seconds: float, *, failed: bool
) -> None:
    """Give an order back, to be looked at again after a while; one that has not failed has its tries before it again."""
    scope = enter(work, caller, Action.SCHEDULES_ADVANCE, tenant)
    values = {"lease": 0.0, "due": work.now + seconds} | ({} if failed else {"tries": 0})
    work.change(scope.update(ORDERS).where(ORDERS.c.key == key, _open()).values(values))


def give_up(work: Writing, caller: Caller, tenant: str, key: str, problem: str) -> None:
    """Keep an order with the reason for which there will be no run of it."""
    scope = enter(work, caller, Action.SCHEDULES_ADVANCE, tenant)
    values = {"lease": 0.0, "problem": problem[:1_000]}
    work.change(scope.update(ORDERS).where(ORDERS.c.key == key).values(values))
    old = scope.select(ORDERS, ORDERS.c.key).where(ORDERS.c.problem.is_not(None))
    rest = old.order_by(ORDERS.c.at.desc(), ORDERS.c.key).offset(MOST_KEPT).limit(MOST_KEPT)
    keys = list(work.connection.execute(rest).scalars())
    if keys:
        work.change(scope.delete(ORDERS).where(ORDERS.c.key.in_(keys)))


def wake(work: Writing, caller: Caller, schedules: Collection[tuple[str, str]]) -> int:
    """Have the orders of schedules, each given with its tenant, looked at now, as a run of theirs has ended; return how many."""
    count = 0
    for tenant, schedule in sorted(schedules):
        scope = enter(work, caller, Action.SCHEDULES_ADVANCE, tenant)
        mine = (ORDERS.c.schedule == schedule, _open(), ORDERS.c.due > work.now)
        count += work.change(scope.update(ORDERS).where(*mine).values(due=work.now))
    return count


def waiting_of(work: Reading, caller: Caller, tenant: str, schedule: str) -> int:
    """Return how many fires of a schedule wait."""
    scope = enter(work, caller, Action.SCHEDULES_ADVANCE, tenant)
    count = scope.select(ORDERS, sa.func.count()).where(ORDERS.c.schedule == schedule, _open())
    return work.connection.scalar(count) or 0


def earliest(work: Reading, caller: Caller) -> float | None:
    """Return when the next order is to be looked at."""
    scope = listing(work, caller, Action.SCHEDULES_ADVANCE)
    at = sa.case((ORDERS.c.lease > ORDERS.c.due, ORDERS.c.lease), else_=ORDERS.c.due)
    wanted = scope.select(ORDERS, sa.func.min(at)).where(_open(), _oldest())
    found: float | None = work.connection.scalar(wanted)
    return found


def page(
    work: Reading, caller: Caller, tenant: str | None = None, ask: Ask = FIRST
) -> Page[Waiting]:
    """Return orders that wait, and those of which there will be no run, with their problems."""
    scope = listing(work, caller, Action.SCHEDULES_READ, tenant)
    return fetch(work, scope.select(ORDERS), _SORTED, ask, _made)


def _check_room(work: Reading, scope: Scope) -> None:
    mine = (ORDERS.c.schedule.is_(None), _open())
    last = scope.select(ORDERS, ORDERS.c.key).where(*mine).offset(MOST_OPEN - 1).limit(1)
    if work.connection.execute(last).first() is not None:
        raise InvalidError(f"{MOST_OPEN} runs wait to begin after others", "start fewer after each")


def _open() -> sa.ColumnElement[bool]:
    return ORDERS.c.problem.is_(None)


def _ready(now: float) -> tuple[sa.ColumnElement[bool], ...]:
    """Whether it is due, and nobody has leased it; what lies further ahead than any does was written before the clock was put back."""
    due = (ORDERS.c.due <= now) | (ORDERS.c.due > now + _FAR)
    return due, (ORDERS.c.lease <= now) | (ORDERS.c.lease > now + 2 * LEASE)


def _oldest() -> sa.ColumnElement[bool]:
    """Whether no older fire of the same schedule waits: fires are dealt with one after the other."""
    older = ORDERS.alias()
    return ~sa.exists().where(
        older.c.tenant == ORDERS.c.tenant,
        older.c.schedule == ORDERS.c.schedule,
        older.c.problem.is_(None),
        older.c.at < ORDERS.c.at,
    )


def _made(row: Any) -> Waiting:
    return Waiting(
        tenant=row.tenant,
        key=row.key,
        workflow=row.workflow,
        origin=row.origin,
        at=row.at,
        version=row.version,
        params=json.loads(row.params),
        schedule=row.schedule,
        overlap=row.overlap,
        depth=row.depth,
        tries=row.tries,
        problem=row.problem,
    )
