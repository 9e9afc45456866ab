"""Taking a run up: one statement that raises its epoch, and then what it has done, when there can be any."""

from __future__ import annotations

import json
from functools import cache
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from blockyard_platform.engine.journal import DOCUMENTS, Begun, Past
from blockyard_platform.store.changes import drop_records, forget_clocks
from blockyard_platform.store.errors import StoreError
from blockyard_platform.store.lists import among, texts
from blockyard_platform.store.rows import dumped, fingerprint, record_of, uses_of
from blockyard_platform.store.tables import BLOBS, PINS, RECORDS, RUNS, STARTS
from blockyard_schemas.statuses import Status

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from sqlalchemy.engine import Connection

_ENDED_JUST_NOW = 2
"""What ``again`` is set to when the run had ended; it is 1 when it is taken up once more before it ends again."""


def take_up(
    connection: Connection,
    run_id: str,
    params: dict[str, Any] | None,
    drop: Collection[str],
    *,
    ended: bool,
) -> tuple[int, Past, int]:
    """Return the run's new epoch, what it has done, and the position of its last record. Raises StoreError.

    The epoch is raised before anything is read, so that what the last holder has written is seen, and it writes no more.
    Only who has the run can write, so of one that nobody has had nothing is asked.
    """
    run = _raise_epoch(connection, run_id, params, ended=ended)
    if run.epoch == 1:
        return 1, Past({}), 0
    if run.again == _ENDED_JUST_NOW:
        forget_clocks(connection, run_id)
    rows = _records(connection, run_id)
    last = max((row.seq for row in rows), default=0)
    counts = _counts(connection, run, rows)
    if drop:
        drop_records(connection, run_id, drop)
        rows = [row for row in rows if row.path not in drop]
    return run.epoch, _past(connection, run, rows, counts), last


def take_new(connection: Connection, run_ids: Sequence[str]) -> set[str]:
    """Take those of some runs that wait and that nobody has had yet, with the epoch 1, and return which.

    Nobody is waited for, so that no circle can form: a run that somebody is about to change is left to :func:`take_up`.
    """
    if not run_ids:
        return set()
    dialect = connection.dialect.name
    found = connection.execute(_taking_new(dialect), {"ids": texts(dialect, run_ids)})
    return set(found.scalars())


@cache
def _taking_new(dialect: str) -> sa.Executable:
    new = (RUNS.c.epoch == 0, RUNS.c.status == Status.WAIT.value, RUNS.c.again == 0)
    mine = sa.select(RUNS.c.id).where(among(dialect, RUNS.c.id, "ids"), *new)
    # The foreign keys of rows that are written meanwhile are not waited for, nor do they wait.
    free = mine.with_for_update(key_share=True, skip_locked=True).cte("free")
    taken = sa.update(RUNS).where(RUNS.c.id == free.c.id, *new).values(epoch=1)
    return taken.returning(RUNS.c.id)


def _raise_epoch(
    connection: Connection, run_id: str, params: dict[str, Any] | None, *, ended: bool
) -> Any:
    """Make the run this process's; params that replace those of a run that was never begun are those that it begins with."""
    over = RUNS.c.status != Status.WAIT.value
    again = sa.case((over, _ENDED_JUST_NOW), (RUNS.c.again != 0, 1), else_=0)
    changed: dict[str, Any] = {"epoch": RUNS.c.epoch + 1, "again": again}
    changed |= {"status": Status.WAIT.value, "ended": None, "result": None}
    if params is not None:
        new = sa.case((RUNS.c.epoch == 0, fingerprint(params)), else_=RUNS.c.fingerprint)
        changed |= {"params": dumped(params), "fingerprint": new}
    statement = sa.update(RUNS).where(RUNS.c.id == run_id).values(**changed)
    if not ended:
        statement = statement.where(~over)
    known = (RUNS.c.id, RUNS.c.epoch, RUNS.c.again, RUNS.c.uses, RUNS.c.cpu_seconds)
    run: Any = connection.execute(statement.returning(*known)).first()
    if run is None:
        there = sa.select(RUNS.c.id).where(RUNS.c.id == run_id)
        raise no_run(run_id) if connection.scalar(there) is None else has_ended(run_id)
    return run


def documents_of(connection: Connection, run_id: str) -> Mapping[str, Any]:
    """Return the documents of workflows that a run keeps, by name: none when it has not begun, or triggers none. Raises StoreError."""
    wanted = sa.select(PINS.c.value).where(PINS.c.run == run_id, PINS.c.name == DOCUMENTS)
    text = connection.scalar(wanted)
    try:
        found: dict[str, Any] = {} if text is None else json.loads(text)
    except ValueError as error:
        raise damaged(run_id, error) from error
    return found


def has_ended(run_id: str) -> StoreError:
    """Return the error for a run that is over, for who wanted one that is not."""
    return StoreError(f"the run {run_id} has ended", rule="run-id")


def no_run(run_id: str) -> StoreError:
    """Return the error for a run that is not there."""
    return StoreError(
        f"the journal has no run {run_id}",
        "`blockyard runs --journal FILE` lists its runs",
        "run-id",
    )


def damaged(run_id: str, error: Exception) -> StoreError:
    """Return the error for a run whose rows cannot be read."""
    hint = "restore the journal from a copy, or run the document anew"
    return StoreError(f"what the journal holds of the run {run_id} is damaged: {error}", hint)


def _records(connection: Connection, run_id: str) -> list[Any]:
    wanted = (
        sa.select(RECORDS, BLOBS.c.data)
        .outerjoin(BLOBS, RECORDS.c.blob == BLOBS.c.digest)
        .where(RECORDS.c.run == run_id)
        .order_by(RECORDS.c.seq)
    )
    return list(connection.execute(wanted))


def _counts(connection: Connection, run: Any, rows: list[Any]) -> tuple[dict[str, int], float]:
    """Return uses of blocks and CPU seconds, and keep them in the run: they count on whatever becomes of the records."""
    uses = uses_of(rows, run.uses)
    spent = max([run.cpu_seconds, *(row.cpu_seconds for row in rows)])
    kept = {"uses": dumped(uses), "cpu_seconds": spent}
    if kept != {"uses": run.uses, "cpu_seconds": run.cpu_seconds}:
        connection.execute(sa.update(RUNS).where(RUNS.c.id == run.id).values(**kept))
    return uses, spent


def _past(
    connection: Connection, run: Any, rows: list[Any], counts: tuple[dict[str, int], float]
) -> Past:
    try:
        records = {row.path: record_of(row, row.data) for row in rows}
        last = next((row.variables for row in reversed(rows) if row.variables is not None), "{}")
        variables = json.loads(last)
    except (ValueError, TypeError) as error:
        raise damaged(run.id, error) from error
    starts: list[Any] = list(connection.execute(sa.select(STARTS).where(STARTS.c.run == run.id)))
    pins: list[Any] = list(connection.execute(sa.select(PINS).where(PINS.c.run == run.id)))
    return Past(
        records=records,
        begun={it.path: Begun(it.count, it.at) for it in starts},
        uses=counts[0],
        variables=variables,
        cpu_seconds=counts[1],
        again=bool(run.again),
        pins={it.name: it.value for it in pins},
    )
