"""Schedules, as rows: when a workflow is to be run. What a cron text means is the scheduler's; here it is a text."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from blockyard_platform.service.registry.access import enter, listing
from blockyard_platform.service.registry.callers import Action
from blockyard_platform.service.registry.errors import (
    ConflictError,
    InvalidError,
    NotFoundError,
)
from blockyard_platform.service.registry.names import canonical, checked, known, text
from blockyard_platform.service.registry.paging import FIRST, Ask, Order, Page, fetch
from blockyard_platform.service.registry.paging import MOST as PAGE
from blockyard_platform.service.registry.tables import SCHEDULES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from blockyard_platform.service.registry.access import Scope
    from blockyard_platform.service.registry.callers import Caller
    from blockyard_platform.service.registry.database import Reading, Writing

MOST = 1_000
"""Schedules that one tenant can have."""

_ORDER = Order("schedules", (SCHEDULES.c.tenant, SCHEDULES.c.name))
_KEY = ("tenant", "name")
_SAID = ("workflow", "version", "cron", "zone", "missed", "overlap")


@dataclass(frozen=True, slots=True)
class Timing:
    """What is to be run, and when. Without ``version`` it is the newest at that time; ``next_at`` is in seconds since 1970."""

    workflow: str
    cron: str
    zone: str = "UTC"
    version: int | None = None
    params: Mapping[str, Any] | None = None
    missed: str = "once"
    overlap: str = "skip"
    enabled: bool = True
    next_at: float | None = None


@dataclass(frozen=True, slots=True)
class Schedule:
    """A tenant's schedule; ``last_at`` is when it was last due.

    ``source`` is the workflow whose document says so, where one does: then it is changed there. ``problem`` is why it did not
    start a run, or never will.
    """

    tenant: str
    name: str
    timing: Timing
    last_at: float | None
    author: str
    created: float
    source: str | None = None
    problem: str | None = None


def put(work: Writing, caller: Caller, tenant: str, name: str, timing: Timing) -> Schedule:
    """Make a schedule, or change it as a whole. Raises NotFoundError, InvalidError, ConflictError for one of a document.

    Without ``next_at`` the scheduler finds out when it is due first. One of a document may be switched off and on: all else is as it is there.
    """
    scope = enter(work, caller, Action.SCHEDULES_WRITE, tenant)
    row = _row(timing) | {"name": checked("schedule", name)}
    row |= {"author": caller.who, "created": work.now, "problem": None}
    scope.lock(work)
    if _is_switched(work, scope, name, row):
        next_at = timing.next_at if timing.enabled else None
        return switch(work, caller, tenant, name, enabled=timing.enabled, next_at=next_at)
    _own(work, scope, name)
    mine = SCHEDULES.c.name == name
    if not work.change(scope.update(SCHEDULES).where(mine).values(**row)):
        scope.limit(work, SCHEDULES, MOST, "schedules")
        work.change(scope.insert(work, SCHEDULES, **row))
    details = {key: row[key] for key in ("workflow", "version", "cron", "zone", "enabled")}
    work.note(caller, tenant, "schedules.put", f"schedule/{name}", **details)
    return read(work, caller, tenant, name)


def read(work: Reading, caller: Caller, tenant: str, name: str) -> Schedule:
    """Return a schedule. Raises NotFoundError."""
    scope = enter(work, caller, Action.SCHEDULES_READ, tenant)
    wanted = scope.select(SCHEDULES).where(SCHEDULES.c.name == known("schedule", name))
    row = work.connection.execute(wanted).first()
    if row is None:
        raise NotFoundError("schedule", name)
    return _made(row)


def delete(work: Writing, caller: Caller, tenant: str, name: str) -> None:
    """Take a schedule away. Raises NotFoundError, ConflictError for one of a document."""
    scope = enter(work, caller, Action.SCHEDULES_WRITE, tenant)
    _own(work, scope, known("schedule", name))
    if not work.change(scope.delete(SCHEDULES).where(SCHEDULES.c.name == known("schedule", name))):
        raise NotFoundError("schedule", name)
    work.note(caller, tenant, "schedules.delete", f"schedule/{name}")


def switch(
    work: Writing,
    caller: Caller,
    tenant: str,
    name: str,
    *,
    enabled: bool,
    next_at: float | None = None,
) -> Schedule:
    """Let a schedule start runs from now on, or no more; also one of a document, in which this is not said. Raises NotFoundError."""
    scope = enter(work, caller, Action.SCHEDULES_WRITE, tenant)
    values = {"enabled": enabled, "next_at": next_at, "problem": None}
    mine = (SCHEDULES.c.name == known("schedule", name), SCHEDULES.c.enabled.is_not(enabled))
    if work.change(scope.update(SCHEDULES).where(*mine).values(values)):
        work.note(caller, tenant, "schedules.switch", f"schedule/{name}", enabled=enabled)
    return read(work, caller, tenant, name)


def page(
    work: Reading, caller: Caller, tenant: str | None = None, ask: Ask = FIRST
) -> Page[Schedule]:
    """Return the schedules of a tenant, or all that the caller may see, by name."""
    scope = listing(work, caller, Action.SCHEDULES_READ, tenant)
    return fetch(work, scope.select(SCHEDULES), _ORDER, ask, _made)


def due(work: Reading, caller: Caller, limit: int = 100) -> tuple[Schedule, ...]:
    """Return enabled schedules whose time has come, those that wait longest first: for the scheduler."""
    scope = listing(work, caller, Action.SCHEDULES_ADVANCE)
    come = (SCHEDULES.c.enabled.is_(True), SCHEDULES.c.next_at <= work.now)
    wanted = scope.select(SCHEDULES).where(*come).order_by(SCHEDULES.c.next_at)
    found = work.connection.execute(wanted.limit(min(max(limit, 1), PAGE)))
    return tuple(_made(row) for row in found)


def strays(work: Reading, caller: Caller, ahead: float, limit: int = 100) -> tuple[Schedule, ...]:
    """Return enabled schedules that wait for nothing, or for a time that a clock set: when they were last due, or made, lies more than ``ahead`` seconds in the future."""
    scope = listing(work, caller, Action.SCHEDULES_ADVANCE)
    late = sa.func.coalesce(SCHEDULES.c.last_at, SCHEDULES.c.created) > work.now + ahead
    new = SCHEDULES.c.next_at.is_(None) & SCHEDULES.c.problem.is_(None)
    wanted = scope.select(SCHEDULES).where(SCHEDULES.c.enabled.is_(True), new | late)
    key = (SCHEDULES.c.tenant, SCHEDULES.c.name)
    found = work.connection.execute(wanted.order_by(*key).limit(min(max(limit, 1), PAGE)))
    return tuple(_made(row) for row in found)


def earliest(work: Reading, caller: Caller) -> float | None:
    """Return when the next schedule is due."""
    scope = listing(work, caller, Action.SCHEDULES_ADVANCE)
    wanted = scope.select(SCHEDULES, sa.func.min(SCHEDULES.c.next_at))
    found: float | None = work.connection.scalar(wanted.where(SCHEDULES.c.enabled.is_(True)))
    return found


def advance(
    work: Writing,
    caller: Caller,
    tenant: str,
    name: str,
    was: float | None,
    next_at: float | None,
    *,
    last: float | None = None,
    problem: str | None = None,
) -> bool:
    """Note that a schedule's time ``was`` is dealt with, and when it is due next. False: another scheduler has done so, or it was changed.

    ``last`` is when it was last due, when that is later; ``problem`` is what is wrong with it.
    """
    scope = enter(work, caller, Action.SCHEDULES_ADVANCE, tenant)
    same = SCHEDULES.c.next_at.is_(None) if was is None else SCHEDULES.c.next_at == was
    mine = (SCHEDULES.c.name == known("schedule", name), same, SCHEDULES.c.enabled.is_(True))
    values: dict[str, Any] = {"next_at": next_at, "problem": problem}
    if last is not None or was is not None:
        values["last_at"] = was if last is None else last
    return work.change(scope.update(SCHEDULES).where(*mine).values(values)) == 1


def _is_switched(work: Reading, scope: Scope, name: str, row: Mapping[str, Any]) -> bool:
    """Say whether a schedule that a document says stays as it is there, but for being on or off."""
    mine = scope.select(SCHEDULES).where(SCHEDULES.c.name == name, SCHEDULES.c.source.is_not(None))
    found: Any = work.connection.execute(mine).first()
    if found is None:
        return False
    same = all(getattr(found, key) == row[key] for key in _SAID)
    return same and json.loads(found.params) == json.loads(row["params"])


def _own(work: Reading, scope: Scope, name: str) -> None:
    """Raise ConflictError for a schedule that a document says."""
    source = scope.select(SCHEDULES, SCHEDULES.c.source).where(SCHEDULES.c.name == name)
    found: str | None = work.connection.scalar(source)
    if found is not None:
        raise ConflictError(
            f"the schedule {name!r} is one of the document of the workflow {found!r}",
            "put a new version of the workflow, or switch the schedule off",
        )


def _row(timing: Timing) -> dict[str, Any]:
    if timing.version is not None and not 1 <= timing.version < 2**31:
        raise InvalidError(f"{timing.version} is no version", "leave it out for the newest")
    if timing.next_at is not None and not math.isfinite(timing.next_at):
        raise InvalidError("a schedule's next time is a number of seconds")
    for key in ("missed", "overlap"):
        text(key, getattr(timing, key), 20, least=1)
    return {
        "workflow": checked("workflow", timing.workflow),
        "version": timing.version,
        "cron": text("cron", timing.cron, 200, least=1),
        "zone": text("zone", timing.zone, 100, least=1),
        "params": canonical(dict(timing.params or {})),
        "missed": timing.missed,
        "overlap": timing.overlap,
        "enabled": timing.enabled,
        "next_at": timing.next_at,
    }


def _made(row: Any) -> Schedule:
    timing = Timing(
        workflow=row.workflow,
        cron=row.cron,
        zone=row.zone,
        version=row.version,
        params=json.loads(row.params),
        missed=row.missed,
        overlap=row.overlap,
        enabled=row.enabled,
        next_at=row.next_at,
    )
    return Schedule(
        row.tenant, row.name, timing, row.last_at, row.author, row.created, row.source, row.problem
    )
