"""Single steps of forgetting, each one transaction of a bounded number of rows. Several processes may do them at once."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING

import sqlalchemy as sa

from blockyard_platform.service.dispatch.port import State
from blockyard_platform.service.dispatch.tables import QUEUE
from blockyard_platform.service.operations.blobs import delete_unused
from blockyard_platform.service.registry import usage
from blockyard_platform.service.registry.callers import Caller
from blockyard_platform.service.runs.tables import EVENTS, WAITS
from blockyard_platform.store.tables import PINS, RECORDS, RUNS, STARTS
from blockyard_schemas.statuses import Status

if TYPE_CHECKING:
    from collections.abc import Sequence

    from blockyard_platform.service.registry.database import Writing

RUNS_AT_ONCE = 50
GONE = '{"purged":true}'
"""The document of a run of which a part is forgotten: nothing can be run from it, so that it is not taken for one that has done nothing."""

_OVER = (State.ENDED, State.CANCELLED, State.FAILED)
_HANGING = (EVENTS, STARTS, PINS, WAITS)


@dataclass(frozen=True, slots=True)
class Purged:
    """What was forgotten; ``bytes`` are those that were counted when the runs ended."""

    runs: int = 0
    records: int = 0
    events: int = 0
    blobs: int = 0
    bytes: int = 0
    keys: int = 0
    others: int = 0

    def __add__(self, other: Purged) -> Purged:
        """Return the sum of two."""
        return Purged(*(getattr(self, it.name) + getattr(other, it.name) for it in fields(self)))


@dataclass(frozen=True, slots=True)
class Aged:
    """A table whose rows are forgotten by their age: it has a column ``tenant``, and one with seconds since 1970.

    ``over`` says of which rows nothing is to come any more; by default of all.
    """

    table: sa.Table
    at: str
    over: sa.ColumnElement[bool] = field(default_factory=sa.true)


def purge_runs(work: Writing, tenant: str, before: float, most: int) -> tuple[Purged, bool]:
    """Forget some of a tenant's runs that ended before a time, the oldest first; and whether there may be more.

    At most ``most`` rows of each table go. A run that has more is marked, and done with by later steps.
    """
    ids = _some_runs(work, tenant, before)
    if not ids:
        return Purged(), False
    gone, whole = _purge_records(work, ids, most)
    for table in _HANGING:
        count = delete_some(work, table, table.c.run.in_(ids), most)
        gone += Purged(events=count if table is EVENTS else 0)
        whole = whole and count < most
    if not whole:
        work.change(sa.update(RUNS).where(RUNS.c.id.in_(ids)).values(document=GONE))
        return gone, True
    work.change(sa.delete(QUEUE).where(QUEUE.c.run.in_(ids)))
    statement = sa.delete(RUNS).where(RUNS.c.id.in_(ids)).returning(RUNS.c.stored)
    freed = work.connection.scalars(statement).all()
    if any(freed):
        usage.keep_bytes(work, Caller.service(tenant), tenant, -sum(freed))
    return gone + Purged(runs=len(freed), bytes=sum(freed)), True


def _some_runs(work: Writing, tenant: str, before: float) -> Sequence[str]:
    """Return runs that nobody else purges or takes up, and that no worker has. They stay locked until the transaction's end."""
    busy = sa.exists().where(QUEUE.c.run == RUNS.c.id, QUEUE.c.state.not_in(_OVER))
    wanted = sa.select(RUNS.c.id).where(
        RUNS.c.tenant == tenant,
        RUNS.c.ended < before,
        RUNS.c.status != Status.WAIT.value,
        RUNS.c.settled == 1,
        ~busy,
    )
    some = wanted.order_by(RUNS.c.ended).limit(RUNS_AT_ONCE)
    return work.connection.scalars(some.with_for_update(skip_locked=True, of=RUNS)).all()


def _purge_records(work: Writing, ids: Sequence[str], most: int) -> tuple[Purged, bool]:
    key = sa.tuple_(RECORDS.c.run, RECORDS.c.path)
    some = sa.select(RECORDS.c.run, RECORDS.c.path).where(RECORDS.c.run.in_(ids)).limit(most)
    statement = sa.delete(RECORDS).where(key.in_(some))
    used = work.connection.scalars(statement.returning(RECORDS.c.blob)).all()
    blobs = delete_unused(work, {each for each in used if each is not None})
    return Purged(records=len(used), blobs=blobs), len(used) < most


def purge_events(
    work: Writing, run_ids: Sequence[str], before: float, most: int
) -> tuple[Purged, bool]:
    """Forget what runs have told that ended before a time, and were not begun anew since; and whether there may be more."""
    over = sa.exists().where(RUNS.c.id == EVENTS.c.run, RUNS.c.ended < before)
    count = delete_some(work, EVENTS, EVENTS.c.run.in_(run_ids) & over, most)
    return Purged(events=count), count == most


def purge_aged(
    work: Writing, aged: Aged, tenant: str, before: float, most: int
) -> tuple[Purged, bool]:
    """Forget rows of a tenant that are older than a time; and whether there may be more."""
    table = aged.table
    old = (table.c.tenant == tenant) & (table.c[aged.at] < before) & aged.over
    count = delete_some(work, table, old, most)
    return Purged(others=count), count == most


def delete_some(work: Writing, table: sa.Table, where: sa.ColumnElement[bool], most: int) -> int:
    """Delete at most so many rows, and return how many."""
    key = list(table.primary_key)
    some = sa.select(*key).where(where).limit(most)
    if work.connection.dialect.name == "sqlite":
        return work.change(sa.delete(table).where(sa.tuple_(*key).in_(some)))
    # Two that purge at once share the work, and neither waits for the other. Rows are locked in what has a name, so that
    # PostgreSQL looks for them once, whatever its plan.
    chosen = some.with_for_update(skip_locked=True, of=table).cte("some")
    return work.change(sa.delete(table).where(sa.tuple_(*key).in_(sa.select(chosen))))
