"""Runs that are under way when something is stopped: those that use it are cancelled."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from blockyard_platform.service.registry.access import lock_all
from blockyard_platform.service.registry.callers import Action, Caller
from blockyard_platform.service.registry.errors import DisabledError, NotFoundError
from blockyard_platform.store.tables import RUNS
from blockyard_schemas.statuses import Status

if TYPE_CHECKING:
    from blockyard_platform.service.admitting import Admitting
    from blockyard_platform.service.registry.database import Database
    from blockyard_platform.service.runs.controlling import Controlling

_LOG = logging.getLogger(__name__)
_AT_ONCE = 200


def cancel_stopped(
    database: Database, admitting: Admitting, controlling: Controlling, tenant: str | None
) -> int:
    """Cancel the runs of a tenant, or of all, that may not run as things are now; say how many.

    A run that waits would be refused when it begins: it is ended here, so that its tenant need not wait for that.
    """
    count, after = 0, ""
    while rows := _page(database, tenant, after):
        after = rows[-1].id
        stopped = [row for row in rows if not _may_run(admitting, row)]
        if stopped:
            grouped = {row.tenant for row in stopped if row.concurrency is not None}
            with database.writing() as work:
                lock_all(work, Caller.service(), Action.RUNS_CONTROL, grouped)
                controlling.cancel_all(work, tuple(row.id for row in stopped))
            count += len(stopped)
    if count:
        _LOG.warning("%d runs were cancelled: something that they use was stopped", count)
    return count


def _page(database: Database, tenant: str | None, after: str) -> list[Any]:
    names = ("id", "tenant", "workflow", "version", "document", "concurrency")
    columns: list[Any] = [RUNS.c[name] for name in names]
    open_ones = (RUNS.c.settled == 0, RUNS.c.status == Status.WAIT.value, RUNS.c.id > after)
    wanted = sa.select(*columns).where(*open_ones).order_by(RUNS.c.id).limit(_AT_ONCE)
    if tenant is not None:
        wanted = wanted.where(RUNS.c.tenant == tenant)
    with database.reading() as work:
        return list(work.connection.execute(wanted))


def _may_run(admitting: Admitting, row: Any) -> bool:
    name = None if row.version is None else row.workflow
    caller = Caller.service(row.tenant)
    try:
        found = admitting.admit(
            caller, row.tenant, row.document, Action.RUNS_READ, name=name, run_id=row.id
        )
    except (DisabledError, NotFoundError):
        return False
    return not found.stopped
