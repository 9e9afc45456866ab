"""Statements about runs: they come in, are taken in fair order, and end. The caller commits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from blockyard_platform.service.dispatch.port import State
from blockyard_platform.service.dispatch.tables import QUEUE, WORKERS, now

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy.engine import Connection

    from blockyard_platform.service.dispatch.fairness import Turns

_LONGEST_DELAY = 60.0


@dataclass(frozen=True, slots=True)
class Submission:
    """A run that comes in."""

    run_id: str
    tenant: str
    priority: int
    again: bool


@dataclass(frozen=True, slots=True)
class Claim:
    """A run that a worker was given, for the ``number``-th time."""

    run_id: str
    number: int
    failures: int


def add(connection: Connection, submissions: Sequence[Submission]) -> set[str]:
    """Queue runs, and return the ids of those that were not there before, or are queued once more."""
    at = now(connection)
    insert = sqlite.insert if connection.dialect.name == "sqlite" else postgresql.insert
    statement = (
        insert(QUEUE)
        .values(state=State.QUEUED, number=0, failures=0, cancel=0, again=0, submitted=at)
        .on_conflict_do_nothing(index_elements=["run"])
        .returning(QUEUE.c.run)
    )
    # In one order everywhere, so that two processes that submit the same runs cannot wait for each other in a circle.
    rows = [
        {"run": it.run_id, "tenant": it.tenant, "rank": -it.priority}
        for it in sorted(submissions, key=lambda it: it.run_id)
    ]
    added = set(connection.execute(statement, rows).scalars())
    for run_id in sorted({it.run_id for it in submissions if it.again} - added):
        if _queue_again(connection, run_id):
            added.add(run_id)
    return added


def _queue_again(connection: Connection, run_id: str) -> bool:
    """Queue a run that has ended once more; one at work, when it has. A run that waits already is left as it is."""
    this = QUEUE.c.run == run_id
    over = (State.ENDED, State.CANCELLED, State.FAILED, State.DELAYED)
    ended = sa.update(QUEUE).where(this, QUEUE.c.state.in_(over))
    queued = ended.values(state=State.QUEUED, failures=0, cancel=0, again=0, due=None, ended=None)
    if connection.execute(queued).rowcount:
        return True
    at_work = sa.update(QUEUE).where(this, QUEUE.c.state == State.RUNNING)
    return bool(connection.execute(at_work.values(again=1)).rowcount)


def claim(connection: Connection, worker: str, free: int, turns: Turns) -> list[Claim]:
    """Take up to ``free`` runs for a worker; the caller holds the lock. A worker that has lost its lease gets none."""
    open_tenants = set(_waiting_tenants(connection))
    if not open_tenants:
        return []
    running = _running_by_tenant(connection)
    taken: dict[str, list[int]] = {tenant: [] for tenant in open_tenants}
    while open_tenants and (left := free - sum(map(len, taken.values()))):
        dealt = turns.deal(left, open_tenants, running)
        if not dealt:
            break
        for tenant, most in dealt.items():
            found = _first(connection, tenant, most, len(taken[tenant]))
            taken[tenant] += found
            running[tenant] = running.get(tenant, 0) + len(found)
            if len(found) < most:
                open_tenants.discard(tenant)
    return _give(connection, worker, [seq for found in taken.values() for seq in found])


def _first(connection: Connection, tenant: str, most: int, after: int) -> list[int]:
    statement = (
        sa.select(QUEUE.c.seq)
        .where(QUEUE.c.state == State.QUEUED, QUEUE.c.tenant == tenant)
        .order_by(QUEUE.c.rank, QUEUE.c.seq)
        .limit(most)
        .offset(after)
        .with_for_update()
    )
    return list(connection.execute(statement).scalars())


def _give(connection: Connection, worker: str, taken: list[int]) -> list[Claim]:
    """Give runs to a worker. It is a statement of its own: in one, PostgreSQL may read the whole queue for each row."""
    if not taken:
        return []
    statement = (
        sa.update(QUEUE)
        .where(QUEUE.c.seq.in_(taken), sa.exists().where(WORKERS.c.id == worker))
        .values(state=State.RUNNING, worker=worker, number=QUEUE.c.number + 1)
        .returning(QUEUE.c.rank, QUEUE.c.seq, QUEUE.c.run, QUEUE.c.number, QUEUE.c.failures)
    )
    return [Claim(*row[2:]) for row in sorted(tuple(it) for it in connection.execute(statement))]


def _waiting_tenants(connection: Connection) -> list[str]:
    """Return who waits, by one look into the index a tenant, however many runs each has."""

    def least(*conditions: sa.ColumnElement[bool]) -> sa.Select[tuple[str | None]]:
        found = sa.select(QUEUE.c.tenant).where(QUEUE.c.state == State.QUEUED, *conditions)
        return sa.select(found.order_by(QUEUE.c.tenant).limit(1).scalar_subquery().label("tenant"))

    tenants = least().cte("tenants", recursive=True)
    following = least(QUEUE.c.tenant > tenants.c.tenant)
    tenants = tenants.union_all(following.where(tenants.c.tenant.is_not(None)))
    found = connection.execute(sa.select(tenants.c.tenant).where(tenants.c.tenant.is_not(None)))
    return list(found.scalars())


def _running_by_tenant(connection: Connection) -> dict[str, int]:
    statement = (
        sa.select(QUEUE.c.tenant, sa.func.count())
        .where(QUEUE.c.state == State.RUNNING)
        .group_by(QUEUE.c.tenant)
    )
    return {row.tenant: row[1] for row in connection.execute(statement)}


def has_queued(connection: Connection) -> bool:
    """Say whether any run waits for a slot."""
    found = connection.execute(sa.select(QUEUE.c.seq).where(QUEUE.c.state == State.QUEUED).limit(1))
    return found.first() is not None


def to_cancel(connection: Connection, worker: str) -> list[str]:
    """Return what a worker has at work that was cancelled."""
    mine = (QUEUE.c.worker == worker, QUEUE.c.state == State.RUNNING, QUEUE.c.cancel == 1)
    return list(connection.execute(sa.select(QUEUE.c.run).where(*mine)).scalars())


def cancel(connection: Connection, run_id: str) -> State | None:
    """Cancel a run that waits, note it for one at work; return its state then."""
    this = QUEUE.c.run == run_id
    waits = this & QUEUE.c.state.in_((State.QUEUED, State.DELAYED))
    ended = {"state": State.CANCELLED, "ended": now(connection), "due": None}
    connection.execute(sa.update(QUEUE).where(waits).values(ended))
    at_work = this & (QUEUE.c.state == State.RUNNING)
    connection.execute(sa.update(QUEUE).where(at_work).values(cancel=1, again=0))
    state = connection.scalar(sa.select(QUEUE.c.state).where(this))
    return None if state is None else State(state)


def end(connection: Connection, claims: Sequence[Claim], state: State) -> None:
    """Note that runs have ended, where they are still what was given; those wanted again are queued."""
    wanted = QUEUE.c.again == 1
    over = sa.case((QUEUE.c.cancel == 1, State.CANCELLED), else_=state)
    statement = _held(claims).values(
        state=sa.case((wanted, State.QUEUED), else_=over),
        ended=sa.case((wanted, None), else_=now(connection)),
        failures=sa.case((wanted, 0), else_=QUEUE.c.failures),
        worker=None,
        again=0,
    )
    connection.execute(statement)


def delay(connection: Connection, claims: Sequence[Claim], seconds: float) -> None:
    """Note that runs have failed, and are tried again: after ``seconds``, and twice as long after each time."""
    for it in claims:
        wait = min(seconds * 2 ** min(it.failures, 20), _LONGEST_DELAY)
        statement = _held([it]).values(
            state=State.DELAYED,
            failures=QUEUE.c.failures + 1,
            due=now(connection) + wait,
            worker=None,
        )
        connection.execute(statement)


def wake(connection: Connection) -> int:
    """Queue what is due to be tried again, and what a clock that jumped back would hold up; say how many."""
    at = now(connection)
    due = (QUEUE.c.due <= at) | (QUEUE.c.due > at + _LONGEST_DELAY)
    statement = sa.update(QUEUE).where(QUEUE.c.state == State.DELAYED, due)
    return connection.execute(statement.values(state=State.QUEUED, due=None)).rowcount


def release(connection: Connection, worker: str, *, failed: bool) -> list[str]:
    """Queue what a worker has at work, each at the place that it had; return which runs."""
    statement = (
        sa.update(QUEUE)
        .where(QUEUE.c.worker == worker, QUEUE.c.state == State.RUNNING)
        .values(state=State.QUEUED, worker=None, failures=QUEUE.c.failures + int(failed))
        .returning(QUEUE.c.run)
    )
    return sorted(connection.execute(statement).scalars())


def _held(claims: Sequence[Claim]) -> sa.Update:
    """Return an update of runs that are still with whom they were given to: any other has a higher number."""
    keys = [(it.run_id, it.number) for it in claims]
    held = sa.tuple_(QUEUE.c.run, QUEUE.c.number).in_(keys)
    return sa.update(QUEUE).where(held, QUEUE.c.state == State.RUNNING)
