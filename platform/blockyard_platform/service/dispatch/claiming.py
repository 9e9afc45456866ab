"""Statements by which a worker takes runs, in fair order. The caller holds the lock, and commits."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from blockyard_platform.service.dispatch.port import State
from blockyard_platform.service.dispatch.runs import Claim
from blockyard_platform.service.dispatch.tables import QUEUE, WORKERS

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection
    from sqlalchemy.sql.dml import ReturningUpdate

    from blockyard_platform.service.dispatch.fairness import Turns


def claim(connection: Connection, worker: str, free: int, turns: Turns) -> list[Claim]:
    """Take up to ``free`` runs for a worker; the caller holds the lock. A worker that has lost its lease gets none."""
    if not free:
        return []
    open_tenants, running = _load(connection)
    taken: list[tuple[int, int, Claim]] = []
    while open_tenants and (left := free - len(taken)):
        dealt = turns.deal(left, open_tenants, running)
        if not dealt:
            break
        for tenant, most in dealt.items():
            found = _give(connection, worker, tenant, most)
            taken += found
            running[tenant] = running.get(tenant, 0) + len(found)
            if len(found) < most:
                open_tenants.discard(tenant)
    return [it for *_, it in sorted(taken, key=lambda it: it[:2])]


def _give(
    connection: Connection, worker: str, tenant: str, most: int
) -> list[tuple[int, int, Claim]]:
    """Give a tenant's first runs to a worker; return each with its rank and its number in the queue."""
    values = {"tenant_id": tenant, "most": most, "worker_id": worker}
    rows = connection.execute(_giving(), values)
    return [(row.rank, row.seq, Claim(row.run, row.number, row.failures)) for row in rows]


@cache
def _giving() -> ReturningUpdate[int, int, str, int, int]:
    """Return the statement by which runs are given out. What is found stands apart: else PostgreSQL may read the whole queue for each row."""
    found = (
        sa.select(QUEUE.c.seq)
        .where(QUEUE.c.state == State.QUEUED, QUEUE.c.tenant == sa.bindparam("tenant_id"))
        .order_by(QUEUE.c.rank, QUEUE.c.seq)
        .limit(sa.bindparam("most", type_=sa.Integer))
        .with_for_update(skip_locked=True)
        .cte("found")
    )
    worker = sa.bindparam("worker_id", type_=sa.String)
    return (
        sa.update(QUEUE)
        .where(QUEUE.c.seq.in_(sa.select(found.c.seq)), sa.exists().where(WORKERS.c.id == worker))
        .values(state=State.RUNNING, worker=worker, number=QUEUE.c.number + 1)
        .returning(QUEUE.c.rank, QUEUE.c.seq, QUEUE.c.run, QUEUE.c.number, QUEUE.c.failures)
    )


def _load(connection: Connection) -> tuple[set[str], dict[str, int]]:
    """Return which tenants wait, and how many runs of each are at work."""
    waiting: set[str] = set()
    running: dict[str, int] = {}
    for tenant, count in connection.execute(_loads()):
        if count is None:
            waiting.add(tenant)
        else:
            running[tenant] = count
    return waiting, running


@cache
def _loads() -> sa.CompoundSelect[Any, Any]:
    """Return the statement for who waits, by one look into the index a tenant, however many runs each has; and for how many are at work."""

    def least(*conditions: sa.ColumnElement[bool]) -> sa.Select[str | None]:
        found = sa.select(QUEUE.c.tenant).where(QUEUE.c.state == State.QUEUED, *conditions)
        return sa.select(found.order_by(QUEUE.c.tenant).limit(1).scalar_subquery().label("tenant"))

    tenants = least().cte("tenants", recursive=True)
    following = least(QUEUE.c.tenant > tenants.c.tenant)
    tenants = tenants.union_all(following.where(tenants.c.tenant.is_not(None)))
    waiting = sa.select(tenants.c.tenant, sa.null().cast(sa.Integer).label("running"))
    running = (
        sa.select(QUEUE.c.tenant, sa.func.count())
        .where(QUEUE.c.state == State.RUNNING)
        .group_by(QUEUE.c.tenant)
    )
    return waiting.where(tenants.c.tenant.is_not(None)).union_all(running)


def has_queued(connection: Connection) -> bool:
    """Say whether any run waits for a slot."""
    return connection.execute(_queued()).first() is not None


@cache
def _queued() -> sa.Select[int]:
    return sa.select(QUEUE.c.seq).where(QUEUE.c.state == State.QUEUED).limit(1)
