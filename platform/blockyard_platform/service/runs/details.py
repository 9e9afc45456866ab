"""One run, part by part: whether it goes on, its document, its stages, its events, what it waits for."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from blockyard_platform.service.registry.access import Scope, enter
from blockyard_platform.service.registry.callers import Action
from blockyard_platform.service.registry.errors import InvalidError, NotFoundError
from blockyard_platform.service.registry.paging import FIRST, Ask, Order, Page, fetch
from blockyard_platform.service.registry.paging import MOST as MOST_ROWS
from blockyard_platform.service.runs.tables import EVENTS, WAITS
from blockyard_platform.service.runs.views import EventRow, StageRow, Wait
from blockyard_platform.store.tables import BLOBS, RECORDS, RUNS
from blockyard_platform.tickets import is_run_id
from blockyard_schemas.statuses import Status

if TYPE_CHECKING:
    from blockyard_platform.service.registry.callers import Caller
    from blockyard_platform.service.registry.database import Reading

_STAGES = Order("stages", (RECORDS.c.seq,))


def is_under_way(work: Reading, caller: Caller, tenant: str, run_id: str) -> bool:
    """Say whether there is more to come of a run: the shortest look at it. Raises NotFoundError."""
    scope = enter(work, caller, Action.RUNS_READ, tenant)
    row: Any = work.connection.execute(_owned(scope, run_id, RUNS.c.status, RUNS.c.settled)).first()
    if row is None:
        raise NotFoundError("run", run_id)
    return row.status == Status.WAIT.value or not row.settled


def document(work: Reading, caller: Caller, tenant: str, run_id: str) -> dict[str, Any]:
    """Return the document that a run has, as plain data. Raises NotFoundError."""
    scope = enter(work, caller, Action.RUNS_READ, tenant)
    text = work.connection.scalar(_owned(scope, run_id, RUNS.c.document))
    if text is None:
        raise NotFoundError("run", run_id)
    found: dict[str, Any] = json.loads(text)
    return found


def stages(
    work: Reading, caller: Caller, tenant: str, run_id: str, ask: Ask = FIRST
) -> Page[StageRow]:
    """Return the records of a run's stages, in the order in which they ended. Raises NotFoundError."""
    _check(work, caller, tenant, run_id)
    statement = (
        sa.select(RECORDS, BLOBS.c.data)
        .outerjoin(BLOBS, RECORDS.c.blob == BLOBS.c.digest)
        .where(RECORDS.c.run == run_id)
    )
    return fetch(work, statement, _STAGES, ask, _stage)


def events(
    work: Reading, caller: Caller, tenant: str, run_id: str, after: int = 0, limit: int = 100
) -> tuple[EventRow, ...]:
    """Return what happened in a run after an event. Raises NotFoundError, InvalidError."""
    if not 0 <= after < 2**63 or not 1 <= limit <= MOST_ROWS:
        raise InvalidError(
            "there is no such event", f"give a number from 0 on, and ask for 1 to {MOST_ROWS}"
        )
    _check(work, caller, tenant, run_id)
    statement = sa.select(EVENTS).where(EVENTS.c.run == run_id, EVENTS.c.seq > after)
    rows: list[Any] = list(work.connection.execute(statement.order_by(EVENTS.c.seq).limit(limit)))
    return tuple(EventRow(it.seq, it.at, it.kind, it.path, json.loads(it.data)) for it in rows)


def waits(work: Reading, run_id: str) -> tuple[Wait, ...]:
    """Return what a run waits for, by node path; the caller has seen whose run it is."""
    statement = sa.select(WAITS).where(WAITS.c.run == run_id).order_by(WAITS.c.path)
    rows: list[Any] = list(work.connection.execute(statement))
    return tuple(
        Wait(
            it.path,
            it.kind,
            it.due,
            json.loads(it.asked),
            None if it.answer is None else json.loads(it.answer),
        )
        for it in rows
    )


def seconds(work: Reading, run_id: str) -> float:
    """Return the CPU seconds that a run has used so far; the caller has seen whose run it is."""
    kept = sa.select(RUNS.c.cpu_seconds).where(RUNS.c.id == run_id)
    told = sa.select(sa.func.max(RECORDS.c.cpu_seconds)).where(RECORDS.c.run == run_id)
    return max(work.connection.scalar(kept) or 0.0, work.connection.scalar(told) or 0.0)


def known(run_id: str) -> str:
    """Return the id of a run; one that no run can have is not there. Raises NotFoundError."""
    if not is_run_id(run_id):
        raise NotFoundError("run", run_id)
    return run_id


def _check(work: Reading, caller: Caller, tenant: str, run_id: str) -> None:
    scope = enter(work, caller, Action.RUNS_READ, tenant)
    if work.connection.execute(_owned(scope, run_id, RUNS.c.id)).first() is None:
        raise NotFoundError("run", run_id)


def _owned(scope: Scope, run_id: str, *columns: Any) -> sa.Select[Any]:
    return scope.select(RUNS, *columns).where(RUNS.c.id == known(run_id))


def _stage(row: Any) -> StageRow:
    text = row.outputs if row.data is None else row.data
    return StageRow(
        seq=row.seq,
        path=row.path,
        kind=row.kind,
        status=row.status,
        code=row.code,
        outputs=json.loads(text),
        error=None if row.error is None else json.loads(row.error),
        started=row.started,
        seconds=row.seconds,
        attempts=row.attempts,
    )
