"""Runs whose end was not written, or not followed up: a safety net for processes that die between two transactions.

Dispatch ends a run by itself when it was cancelled and its worker died, or when its workers died too often. What the journal says is put right here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from blockyard_platform.service.dispatch.port import State
from blockyard_platform.service.dispatch.tables import QUEUE
from blockyard_platform.service.runs.settling import end
from blockyard_platform.store.tables import RUNS
from blockyard_schemas.problems import Problem
from blockyard_schemas.statuses import Code, Status

if TYPE_CHECKING:
    from blockyard_platform.service.registry.database import Database
    from blockyard_platform.service.runs.settling import Settler

_AT_ONCE = 100
_OVER = (State.ENDED, State.CANCELLED, State.FAILED)
_GIVEN_UP = "the workers that had the run died, or failed, too often"


def sweep(database: Database, settler: Settler) -> int:
    """Put right what is left, and say how many runs that were. Two processes may do so at once."""
    with database.reading() as work:
        rows: list[Any] = list(work.connection.execute(_LEFT.limit(_AT_ONCE)))
    for row in rows:
        with database.writing() as work:
            if row.status == Status.WAIT.value:
                _end(work, row.id, cancelled=row.state == State.CANCELLED)
            settler.settle(work, row.id)
    return len(rows)


def _end(work: Any, run_id: str, *, cancelled: bool) -> None:
    if cancelled:
        end(work, run_id, Status.CANCEL)
    else:
        end(work, run_id, Status.FAILED, [Problem(Code.INTERRUPTED.name, "", _GIVEN_UP)])


_WAITS = RUNS.c.status == Status.WAIT.value
_LEFT = (
    sa.select(RUNS.c.id, RUNS.c.status, QUEUE.c.state)
    .outerjoin(QUEUE, QUEUE.c.run == RUNS.c.id)
    .where(
        RUNS.c.settled == 0,
        (_WAITS & QUEUE.c.state.in_((State.CANCELLED, State.FAILED)))
        | (~_WAITS & (QUEUE.c.state.is_(None) | QUEUE.c.state.in_(_OVER))),
    )
)
