"""Changes to the rows of a run that is taken up again, within somebody's transaction."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from blockyard_platform.engine.deadlines import MARK
from blockyard_platform.engine.journal import DOCUMENTS, UNDER_WAY
from blockyard_platform.store.rows import dumped, fingerprint, uses_of
from blockyard_platform.store.tables import PINS, RECORDS, RUNS, STARTS
from blockyard_schemas.statuses import Status

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from sqlalchemy.engine import Connection

_AT_ONCE = 500


def begin_again(
    connection: Connection, run_id: str, params: dict[str, Any], drop: Iterable[str] | None
) -> None:
    """Let a run that has ended begin again, with these params, without the records ``drop``, or (None) without any.

    Who has worked on it cannot write any more.
    """
    keep_counts(connection, run_id)
    changed: dict[str, Any] = {
        "params": dumped(params),
        "epoch": RUNS.c.epoch + 1,
        "status": Status.WAIT.value,
        "ended": None,
        "result": None,
        "settled": 0,
        "again": 1 if drop is not None else 0,
    }
    if drop is None:
        changed["fingerprint"] = fingerprint(params)
        forget(connection, run_id)
    else:
        drop_records(connection, run_id, drop)
        forget_clocks(connection, run_id)
    connection.execute(sa.update(RUNS).where(RUNS.c.id == run_id).values(**changed))


def forget(connection: Connection, run_id: str) -> None:
    """Forget all that a run has done and fixed, but for the workflows that it triggers: with its own document, they are what it is."""
    for table in (RECORDS, STARTS):
        connection.execute(sa.delete(table).where(table.c.run == run_id))
    connection.execute(sa.delete(PINS).where(PINS.c.run == run_id, PINS.c.name != DOCUMENTS))


def forget_clocks(connection: Connection, run_id: str) -> None:
    """Let what is done again have its whole time again."""
    clocks = sa.and_(STARTS.c.run == run_id, STARTS.c.path.endswith(MARK, autoescape=True))
    connection.execute(sa.delete(STARTS).where(clocks))
    connection.execute(sa.delete(PINS).where(PINS.c.run == run_id, PINS.c.name == UNDER_WAY))


def keep_counts(connection: Connection, run_id: str) -> None:
    """Keep what counts on whatever becomes of the records that tell it: uses of blocks, and CPU seconds."""
    wanted = sa.select(RECORDS.c.block, RECORDS.c.cpu_seconds).where(RECORDS.c.run == run_id)
    rows: list[Any] = list(connection.execute(wanted))
    mine = RUNS.c.id == run_id
    run: Any = connection.execute(sa.select(RUNS.c.uses, RUNS.c.cpu_seconds).where(mine)).one()
    spent = max((row.cpu_seconds for row in rows), default=0.0)
    counts = {"uses": dumped(uses_of(rows, run.uses)), "cpu_seconds": max(spent, run.cpu_seconds)}
    connection.execute(sa.update(RUNS).where(mine).values(**counts))


def drop_records(connection: Connection, run_id: str, paths: Iterable[str]) -> None:
    """Forget what stages at these node paths have done."""
    for some in _chunks(list(paths)):
        for table in (RECORDS, STARTS):
            connection.execute(
                sa.delete(table).where(table.c.run == run_id, table.c.path.in_(some))
            )


def paths_of(connection: Connection, run_id: str) -> list[str]:
    """Return the node paths of a run's records, in the order in which they ended."""
    wanted = sa.select(RECORDS.c.path).where(RECORDS.c.run == run_id)
    return list(connection.scalars(wanted.order_by(RECORDS.c.seq)))


def _chunks(paths: list[str]) -> Iterator[list[str]]:
    for start in range(0, len(paths), _AT_ONCE):
        yield paths[start : start + _AT_ONCE]
