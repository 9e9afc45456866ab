"""Statements about runs: they come in, are cancelled, and end. The caller commits."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from blockyard_platform.service.dispatch.port import State
from blockyard_platform.service.dispatch.tables import QUEUE, clock, now
from blockyard_platform.service.signals import notify

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from sqlalchemy.engine import Connection
    from sqlalchemy.sql.dml import ReturningUpdate

_LONGEST_DELAY = 60.0
_ID_LENGTH = 100
_MOST_PRIORITY = 1_000_000
QUEUED = "queue"
"""The topic of signals that say that something can begin."""
TO_CANCEL = "cancel"
"""The topic of those that name a run at work that is to be cancelled."""


@dataclass(frozen=True, slots=True)
class Submission:
    """A run that comes in; with ``again``, one that has ended is queued once more. Raises ValueError for an id that cannot be."""

    run_id: str
    tenant: str
    priority: int = 0
    again: bool = False

    def __post_init__(self) -> None:
        """Check what a tenant may have chosen."""
        for text in (self.run_id, self.tenant):
            if not 0 < len(text) <= _ID_LENGTH or not text.isprintable():
                raise ValueError(f"an id has 1 to {_ID_LENGTH} characters that can be printed")
        if abs(self.priority) > _MOST_PRIORITY:
            raise ValueError(f"a priority lies between -{_MOST_PRIORITY} and {_MOST_PRIORITY}")


@dataclass(frozen=True, slots=True)
class Claim:
    """A run that a worker was given, for the ``number``-th time."""

    run_id: str
    number: int
    failures: int


def add(connection: Connection, submissions: Sequence[Submission]) -> set[str]:
    """Queue runs, and return the ids of those that were not there before, or are queued once more.

    The transaction may be anybody's; at its commit workers of other processes begin (PostgreSQL), and the caller nudges the one
    in his own. Nothing is waited for but another transaction that adds, or changes, the same run.
    """
    if not submissions:
        return set()
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
    if added:
        notify(connection, QUEUED)
    return added


def _queue_again(connection: Connection, run_id: str) -> bool:
    """Queue a run that has ended once more; one at work, when it has. A run that waits already is left as it is.

    It is one statement: a run at work that ends meanwhile is waited for, and then seen as one that has ended.
    """
    at_work = QUEUE.c.state == State.RUNNING
    statement = (
        sa.update(QUEUE)
        .where(QUEUE.c.run == run_id, QUEUE.c.state != State.QUEUED)
        .values(
            state=sa.case((at_work, QUEUE.c.state), else_=State.QUEUED),
            again=sa.case((at_work, 1), else_=0),
            cancel=sa.case((at_work, QUEUE.c.cancel), else_=0),
            failures=sa.case((at_work, QUEUE.c.failures), else_=0),
            due=None,
            ended=None,
        )
    )
    return bool(connection.execute(statement).rowcount)


def to_cancel(connection: Connection, worker: str) -> list[str]:
    """Return what a worker has at work that was cancelled."""
    mine = (QUEUE.c.worker == worker, QUEUE.c.state == State.RUNNING, QUEUE.c.cancel == 1)
    return list(connection.execute(sa.select(QUEUE.c.run).where(*mine)).scalars())


def cancel(connection: Connection, run_id: str) -> State | None:
    """Cancel a run that waits, note it for one at work; return its state then. One statement, as in :func:`_queue_again`."""
    at_work = QUEUE.c.state == State.RUNNING
    can_be = QUEUE.c.state.in_((State.QUEUED, State.DELAYED, State.RUNNING))
    statement = (
        sa.update(QUEUE)
        .where(QUEUE.c.run == run_id, can_be)
        .values(
            state=sa.case((at_work, QUEUE.c.state), else_=State.CANCELLED),
            cancel=sa.case((at_work, 1), else_=0),
            ended=sa.case((at_work, None), else_=now(connection)),
            again=0,
            due=None,
        )
        .returning(QUEUE.c.state)
    )
    state = connection.execute(statement).scalars().first()
    if state == State.RUNNING:
        notify(connection, TO_CANCEL, run_id)
    if state is None:
        state = connection.scalar(sa.select(QUEUE.c.state).where(QUEUE.c.run == run_id))
    return None if state is None else State(state)


def end(connection: Connection, claims: Sequence[Claim], state: State) -> list[Claim]:
    """Note that runs have ended, where they are still what was given; return those that another transaction holds just now."""
    return _note(connection, claims, _ending(connection.dialect.name, state))


def delay(connection: Connection, claims: Sequence[Claim], seconds: float) -> list[Claim]:
    """Note that runs have failed, and are tried again: after ``seconds``, and twice as long after each time. As :func:`end`."""
    held: list[Claim] = []
    for it in claims:
        wait = min(seconds * 2 ** min(it.failures, 20), _LONGEST_DELAY)
        failures = sa.case((QUEUE.c.again == 1, 0), else_=QUEUE.c.failures + 1)
        due = clock(connection.dialect.name) + wait
        values = _left(connection.dialect.name, State.DELAYED, failures, due)
        held += _note(connection, [it], _noting(values))
    return held


def wake(connection: Connection) -> int:
    """Queue what is due to be tried again, and what a clock that jumped back would hold up; say how many."""
    at = now(connection)
    due = (QUEUE.c.due <= at) | (QUEUE.c.due > at + _LONGEST_DELAY)
    found = _free(connection, sa.select(QUEUE.c.seq).where(QUEUE.c.state == State.DELAYED, due))
    if not found:
        return 0
    statement = sa.update(QUEUE).where(QUEUE.c.seq.in_(found))
    connection.execute(statement.values(state=State.QUEUED, due=None))
    notify(connection, QUEUED)
    return len(found)


def release(
    connection: Connection, worker: str, *, failed: bool, but: Collection[tuple[str, int]] = ()
) -> list[str]:
    """Queue what a worker has at work, each at the place that it had, but for what it knows of; return which runs.

    What was cancelled ends instead. What another transaction holds just now stays: who looks for dead workers finds it, and a living one asks :func:`holds`.
    """
    found = _free(connection, _held_by(worker, but))
    if not found:
        return []
    values = _left(connection.dialect.name, State.QUEUED, QUEUE.c.failures + int(failed))
    statement = sa.update(QUEUE).where(QUEUE.c.seq.in_(found)).values(values)
    released = sorted(connection.execute(statement.returning(QUEUE.c.run)).scalars())
    notify(connection, QUEUED)
    return released


def holds(connection: Connection, worker: str, *, but: Collection[tuple[str, int]]) -> bool:
    """Say whether a worker has anything at work but what it knows of."""
    return connection.scalar(_held_by(worker, but).limit(1)) is not None


def _held_by(worker: str, but: Collection[tuple[str, int]]) -> sa.Select[int]:
    mine = sa.select(QUEUE.c.seq).where(QUEUE.c.worker == worker, QUEUE.c.state == State.RUNNING)
    return mine.where(sa.tuple_(QUEUE.c.run, QUEUE.c.number).not_in(sorted(but))) if but else mine


def _free(connection: Connection, wanted: sa.Select[int]) -> list[int]:
    """Return rows, which are then this transaction's until its end. Nothing is waited for: whoever waits with the lock holds up all."""
    return list(connection.execute(wanted.with_for_update(skip_locked=True)).scalars())


def _left(
    dialect: str,
    state: State,
    failures: sa.ColumnElement[int],
    due: sa.ColumnElement[float] | None = None,
) -> dict[str, Any]:
    """Return what becomes of a run that is at work no more: queued when that is wanted, ended when it was cancelled, else ``state``."""
    again, cancelled, at = QUEUE.c.again == 1, QUEUE.c.cancel == 1, clock(dialect)
    over = state in (State.ENDED, State.FAILED)
    return {
        "state": sa.case((again, State.QUEUED), (cancelled, State.CANCELLED), else_=state),
        "ended": sa.case((again, None), (cancelled, at), else_=at if over else None),
        "due": None if due is None else sa.case((again | cancelled, None), else_=due),
        "failures": failures,
        "worker": None,
        "again": 0,
        "cancel": sa.case((again, 0), else_=QUEUE.c.cancel),
    }


@cache
def _ending(dialect: str, state: State) -> ReturningUpdate[str]:
    failures = sa.case((QUEUE.c.again == 1, 0), else_=QUEUE.c.failures)
    return _noting(_left(dialect, state, failures))


def _noting(values: dict[str, Any]) -> ReturningUpdate[str]:
    """Return the statement that changes the runs of ``keys`` that are still with whom they were given to: any other has a higher number."""
    found = sa.select(QUEUE.c.seq).where(*_at_work()).with_for_update(skip_locked=True).cte("found")
    statement = sa.update(QUEUE).where(QUEUE.c.seq.in_(sa.select(found.c.seq))).values(values)
    return statement.returning(QUEUE.c.run)


def _at_work() -> tuple[sa.ColumnElement[bool], ...]:
    keys: sa.BindParameter[Any] = sa.bindparam("keys", expanding=True)
    return sa.tuple_(QUEUE.c.run, QUEUE.c.number).in_(keys), QUEUE.c.state == State.RUNNING


def _note(
    connection: Connection, claims: Sequence[Claim], statement: ReturningUpdate[str]
) -> list[Claim]:
    """Change runs, and return those that are locked."""
    keys = {"keys": [(it.run_id, it.number) for it in claims]}
    done = connection.execute(statement, keys).scalars().all()
    if len(done) == len(claims):
        return []
    left = set(connection.execute(sa.select(QUEUE.c.run).where(*_at_work()), keys).scalars())
    return [it for it in claims if it.run_id in left]
