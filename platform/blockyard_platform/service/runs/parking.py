"""Parked runs: what each waits for, and how it comes back: at its moment, or when somebody has answered."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB

from blockyard_platform.service.dispatch import runs as queue
from blockyard_platform.service.dispatch.port import State
from blockyard_platform.service.dispatch.tables import QUEUE, now
from blockyard_platform.service.runs.tables import WAITS
from blockyard_platform.store.tables import RUNS
from blockyard_platform.waits import Answer, Waiting, iso
from blockyard_schemas.statuses import Status

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from blockyard_platform.service.registry.database import Reading, Writing
    from blockyard_platform.service.signals import Signals


ANSWERED = "answers"
"""What is signalled, with the id of the run, when one of its approvals was answered."""
TOPIC = "waits"
"""What is signalled when a run was parked: the next moment may have become an earlier one."""
_AHEAD_SECONDS = 2.0


def clock(work: Reading) -> float:
    """Return the time by which parked runs come back: the database's, which all processes share; on SQLite this one's."""
    if work.connection.dialect.name == "sqlite":
        return work.now
    found: float = work.connection.execute(sa.select(now(work.connection))).scalar_one()
    return found


def park(
    work: Writing,
    run_id: str,
    waits: Sequence[Waiting],
    signals: Signals,
    asked: Callable[[Waiting], object] = lambda waiting: None,
) -> bool:
    """Note what a run waits for. True: some of it has come by now, and the run is queued again.

    An answer that was given before stays with its stage. A moment is kept as far from now as it is by this process's clock, or was when the wait began.
    ``asked`` is told of approvals that are new.
    """
    at = clock(work)
    paths = [it.path for it in waits]
    work.change(sa.delete(WAITS).where(WAITS.c.run == run_id, WAITS.c.path.not_in(paths)))
    for it in waits:
        due = None if it.wakes is None else at + it.left(it.wakes, work.now)
        new = _write(work, run_id, it.path, it.kind, it.as_dict(), due=due)
        if new and it.kind == "approval":
            asked(it)
    signals.publish(work.connection, TOPIC, run_id)
    come = (WAITS.c.due <= at) | WAITS.c.answer.is_not(None)
    wanted = sa.select(WAITS.c.path).where(WAITS.c.run == run_id, come)
    if work.connection.execute(wanted.limit(1)).first() is None:
        return False
    return wake(work, run_id)


def note(work: Writing, run_id: str, path: str, kind: str, data: Mapping[str, Any]) -> bool:
    """Note one thing that a run asks while it is at work, by ``Waiting.as_dict``: so it can be answered before the run is parked. Return whether it is new.

    The run may be parked by now, since nobody waits for this note: the moment that was written then stays.
    """
    return _write(work, run_id, path, kind, data)


def _write(
    work: Writing, run_id: str, path: str, kind: str, data: Mapping[str, Any], **more: float | None
) -> bool:
    row: dict[str, Any] = {"kind": kind, "asked": json.dumps(data), **more}
    mine = sa.select(WAITS.c.path).where(WAITS.c.run == run_id, WAITS.c.path == path)
    new = work.connection.execute(mine).first() is None
    insert = work.insert(WAITS).values(run=run_id, path=path, **row)
    key = [WAITS.c.run, WAITS.c.path]
    work.change(insert.on_conflict_do_update(index_elements=key, set_=row))
    return new


def asked(row: Any) -> Waiting:
    """Return what an approval asks, of a row that waits for it."""
    found: dict[str, Any] = json.loads(row.asked)
    return Waiting(
        path=row.path,
        kind="approval",
        since=0.0,
        message=found.get("message"),
        form=found.get("form"),
        approvers=tuple(found.get("approvers", ())),
    )


def answers(work: Reading, run_id: str) -> dict[str, Answer]:
    """Return what was answered to a run's approvals, by node path."""
    wanted = sa.select(WAITS.c.path, WAITS.c.answer)
    rows: list[Any] = list(
        work.connection.execute(wanted.where(WAITS.c.run == run_id, WAITS.c.answer.is_not(None)))
    )
    return {it.path: Answer(**json.loads(it.answer)) for it in rows}


def due(work: Reading, limit: int = 100) -> tuple[str, ...]:
    """Return runs whose moment has come, those that wait longest first."""
    wanted = (
        sa.select(WAITS.c.run)
        .join(RUNS, RUNS.c.id == WAITS.c.run)
        .where(WAITS.c.due <= clock(work), RUNS.c.status == Status.WAIT.value)
        .group_by(WAITS.c.run)
        .order_by(sa.func.min(WAITS.c.due))
        .limit(limit)
    )
    return tuple(work.connection.scalars(wanted))


def next_due(work: Reading) -> float | None:
    """Return the earliest moment for which a run waits."""
    wanted = sa.select(sa.func.min(WAITS.c.due)).join(RUNS, RUNS.c.id == WAITS.c.run)
    found: float | None = work.connection.scalar(
        wanted.where(WAITS.c.due.is_not(None), RUNS.c.status == Status.WAIT.value)
    )
    return found


def wake(work: Writing, run_id: str) -> bool:
    """Queue a parked run again, once: its moments are taken as come. False when it has ended."""
    row: Any = work.connection.execute(
        sa.select(RUNS.c.tenant, RUNS.c.priority).where(
            RUNS.c.id == run_id, RUNS.c.status == Status.WAIT.value
        )
    ).first()
    come = sa.update(WAITS).where(WAITS.c.run == run_id, WAITS.c.due <= clock(work))
    work.change(come.values(due=None))
    if row is None:
        return False
    again = queue.Submission(run_id, row.tenant, row.priority, again=True)
    queue.add(work.connection, [again])
    return True


def hurry(work: Writing) -> int:
    """Let what a clock that was ahead has parked come back at once, and say how much that is: it has begun in the future."""
    at = clock(work)
    if work.connection.dialect.name == "sqlite":
        since: Any = sa.func.json_extract(WAITS.c.asked, "$.since")
    else:
        since = sa.cast(WAITS.c.asked, JSONB)["since"].astext.collate("C")
    ahead = sa.update(WAITS).where(WAITS.c.due > at, since > iso(at + _AHEAD_SECONDS))
    return work.change(ahead.values(due=at))


def is_parked(work: Reading, run_id: str) -> bool:
    """Whether no process has the run, and none is about to."""
    over = (State.ENDED, State.CANCELLED, State.FAILED)
    state = work.connection.scalar(sa.select(QUEUE.c.state).where(QUEUE.c.run == run_id))
    return state is None or state in over
