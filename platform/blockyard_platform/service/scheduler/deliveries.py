"""Requests that came in, so that a recorded one cannot be sent again: in the database, for all processes, bounded for each tenant.

A delivery is noted before its run is submitted and marked after. One that is noted and not marked, since a process died in between, is
taken once more; the key of the submission is that of the delivery, so that there is one run.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import sqlalchemy as sa

from blockyard_platform.service.registry.access import enter, listing
from blockyard_platform.service.registry.callers import Action, Caller
from blockyard_platform.service.scheduler.tables import DELIVERIES, HORIZONS
from blockyard_platform.triggers.replay import MOST_REMEMBERED

if TYPE_CHECKING:
    from blockyard_platform.service.registry.access import Scope
    from blockyard_platform.service.registry.database import Database, Reading, Writing

Answer: TypeAlias = Literal["new", "begun", "seen", "full"]
"""``begun`` is one of which nothing is known to have come yet."""

_SERVICE = Caller.service()
_BATCH = 1_000


def admit(
    work: Writing, tenant: str, key: str, until: float, most: int = MOST_REMEMBERED
) -> Answer:
    """Remember a delivery until a time, and tell whether it is new. Give it only what was signed."""
    scope = enter(work, _SERVICE, Action.HOOKS_SEND, tenant)
    _forget(work, scope)
    found = _find(work, scope, key)
    if found is not None:
        return "begun" if found.run is None else "seen"
    horizon = work.connection.scalar(scope.select(HORIZONS, HORIZONS.c.at))
    if horizon is not None and until < horizon:
        return "seen"
    some = scope.select(DELIVERIES, DELIVERIES.c.key).limit(most).subquery()
    if (work.connection.scalar(sa.select(sa.func.count()).select_from(some)) or 0) >= most:
        return "full"
    row = {"key": key, "until": until}
    added = work.change(scope.insert(work, DELIVERIES, **row).on_conflict_do_nothing())
    return "new" if added else "begun"


def mark(work: Writing, tenant: str, key: str, run: str) -> bool:
    """Note what run has come of a delivery; False when that was noted before."""
    scope = enter(work, _SERVICE, Action.HOOKS_SEND, tenant)
    mine = (DELIVERIES.c.key == key, DELIVERIES.c.run.is_(None))
    return work.change(scope.update(DELIVERIES).where(*mine).values(run=run)) == 1


def withdraw(work: Writing, tenant: str, key: str) -> None:
    """Forget a delivery of which nothing has come, so that it may be sent again."""
    scope = enter(work, _SERVICE, Action.HOOKS_SEND, tenant)
    mine = (DELIVERIES.c.key == key, DELIVERIES.c.run.is_(None))
    work.change(scope.delete(DELIVERIES).where(*mine))


def forget(database: Database) -> None:
    """Forget what cannot come again, of all tenants."""
    with database.reading() as work:
        scope = listing(work, _SERVICE, Action.HOOKS_SEND)
        old = scope.select(DELIVERIES, DELIVERIES.c.tenant).where(DELIVERIES.c.until < work.now)
        tenants = list(work.connection.execute(old.distinct()).scalars())
    for tenant in tenants:
        with database.writing() as work:
            _forget(work, enter(work, _SERVICE, Action.HOOKS_SEND, tenant))


def _find(work: Reading, scope: Scope, key: str) -> Any:
    wanted = scope.select(DELIVERIES).where(DELIVERIES.c.key == key)
    return work.connection.execute(wanted).first()


def _forget(work: Writing, scope: Scope) -> None:
    """Forget what has passed, and up to when."""
    passed = scope.select(DELIVERIES, DELIVERIES.c.key).where(DELIVERIES.c.until < work.now)
    keys = list(work.connection.execute(passed.limit(_BATCH)).scalars())
    if not keys:
        return
    work.change(scope.delete(DELIVERIES).where(DELIVERIES.c.key.in_(keys)))
    row = scope.insert(work, HORIZONS, at=work.now)
    later = sa.case((HORIZONS.c.at > work.now, HORIZONS.c.at), else_=work.now)
    work.change(row.on_conflict_do_update(index_elements=["tenant"], set_={"at": later}))
