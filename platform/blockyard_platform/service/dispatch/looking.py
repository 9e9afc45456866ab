"""Looking at the queue: a run, lists of runs, why a run waits, and what can be forgotten."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from blockyard_platform.service.dispatch.port import Entry, State, Waiting
from blockyard_platform.service.dispatch.tables import QUEUE, WORKERS, now

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy.engine import Connection

    from blockyard_platform.service.dispatch.port import Share


def entry(connection: Connection, run_id: str) -> Entry | None:
    """Return a run."""
    found = connection.execute(sa.select(QUEUE).where(QUEUE.c.run == run_id)).first()
    return None if found is None else _entry_of(found)


def entries(
    connection: Connection,
    state: State | None,
    tenant: str | None,
    worker: str | None,
    limit: int,
) -> tuple[Entry, ...]:
    """Return runs, the earliest submitted first."""
    wanted = {QUEUE.c.state: state, QUEUE.c.tenant: tenant, QUEUE.c.worker: worker}
    conditions = [column == value for column, value in wanted.items() if value is not None]
    statement = sa.select(QUEUE).where(*conditions).order_by(QUEUE.c.seq).limit(limit)
    return tuple(_entry_of(row) for row in connection.execute(statement))


def _entry_of(row: Any) -> Entry:
    return Entry(
        run_id=row.run,
        tenant=row.tenant,
        priority=-row.rank,
        state=State(row.state),
        worker=row.worker,
        number=row.number,
        failures=row.failures,
        submitted=row.submitted,
    )


def why_waiting(
    connection: Connection, run_id: str, share_of: Callable[[str], Share]
) -> Waiting | None:
    """Say why a run waits; None when it does not."""
    run: Any = connection.execute(sa.select(QUEUE).where(QUEUE.c.run == run_id)).first()
    if run is None or run.state not in (State.QUEUED, State.DELAYED):
        return None
    if run.state == State.DELAYED:
        return Waiting(1, "retry", f"it has failed {run.failures} times, and is tried again")
    ahead = (QUEUE.c.rank < run.rank) | ((QUEUE.c.rank == run.rank) & (QUEUE.c.seq < run.seq))
    position = 1 + _count(connection, State.QUEUED, QUEUE.c.tenant == run.tenant, ahead)
    return Waiting(position, *_reason(connection, run.tenant, share_of(run.tenant).cap))


def _reason(connection: Connection, tenant: str, cap: int | None) -> tuple[str, str]:
    slots: int = (
        connection.scalar(sa.select(sa.func.coalesce(sa.func.sum(WORKERS.c.slots), 0))) or 0
    )
    if not slots:
        return "no-worker", "no worker is there"
    own = _count(connection, State.RUNNING, QUEUE.c.tenant == tenant)
    if cap is not None and own >= cap:
        return "cap", f"{own} runs of its tenant are at work, and no more may be"
    if _count(connection, State.RUNNING) >= slots:
        return "busy", f"all {slots} slots of the workers are taken"
    return "turn", "it waits for its turn, and a slot is free"


def _count(connection: Connection, state: State, *conditions: sa.ColumnElement[bool]) -> int:
    statement = sa.select(sa.func.count()).where(QUEUE.c.state == state, *conditions)
    return connection.scalar(statement) or 0


def forget(connection: Connection, older_than_seconds: float, limit: int) -> list[tuple[str, int]]:
    """Delete runs that ended so long ago; return their ids, and how often each was given to a worker."""
    over = QUEUE.c.state.in_((State.ENDED, State.CANCELLED, State.FAILED))
    old = QUEUE.c.ended < now(connection) - older_than_seconds
    some = sa.select(QUEUE.c.seq).where(over, old).limit(limit).scalar_subquery()
    statement = sa.delete(QUEUE).where(QUEUE.c.seq.in_(some), over)
    found = connection.execute(statement.returning(QUEUE.c.run, QUEUE.c.number))
    return [(row.run, row.number) for row in found]
