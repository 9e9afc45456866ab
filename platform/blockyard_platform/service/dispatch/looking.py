"""Looking at the queue: a run, lists of runs, and why a run waits."""

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


def seen(connection: Connection) -> float | None:
    """Return how many seconds ago any worker was heard of last; None when there is none."""
    found: float | None = connection.scalar(
        sa.select(now(connection) - sa.func.max(WORKERS.c.seen))
    )
    return found


def why_waiting(
    connection: Connection, run_id: str, share_of: Callable[[str], Share]
) -> Waiting | None:
    """Say why a run waits; None when it does not."""
    run: Any = connection.execute(sa.select(QUEUE).where(QUEUE.c.run == run_id)).first()
    if run is None or run.state not in (State.QUEUED, State.DELAYED):
        return None
    if run.state == State.DELAYED:
        return Waiting(1, "retry", f"it has failed {run.failures} times, and is tried again")
    return Waiting(
        1 + (connection.scalar(ahead_of(run.tenant, run.rank, run.seq)) or 0),
        *_reason(connection, run.tenant, share_of(run.tenant).cap),
    )


def ahead_of(tenant: str, rank: int, seq: int) -> sa.Select[int]:
    """Return what counts a tenant's runs that come before one: two stretches of the index, and none of the table's rows."""
    own = sa.select(sa.func.count()).select_from(QUEUE)
    own = own.where(QUEUE.c.state == State.QUEUED, QUEUE.c.tenant == tenant)
    higher = own.where(QUEUE.c.rank < rank).scalar_subquery()
    earlier = own.where(QUEUE.c.rank == rank, QUEUE.c.seq < seq).scalar_subquery()
    return sa.select(higher + earlier)


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
