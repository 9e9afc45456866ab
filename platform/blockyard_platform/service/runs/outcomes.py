"""What runs have come to and what they weigh: asked of all that end together by one statement, and written by one."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from blockyard_platform.service.registry.access import why_disabled
from blockyard_platform.service.registry.tables import TENANTS
from blockyard_platform.service.runs.tables import EVENTS, WAITS
from blockyard_platform.store.lists import among, texts
from blockyard_platform.store.records import put
from blockyard_platform.store.tables import BLOBS, PINS, RECORDS, RUNS
from blockyard_schemas.statuses import Status

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from blockyard_platform.results import RunResult
    from blockyard_platform.service.registry.database import Writing
    from blockyard_platform.store.records import Row


_ZERO: sa.ColumnElement[int] = sa.literal_column("0", sa.Integer)
_OVER = RUNS.c.status != sa.literal_column(f"'{Status.WAIT.value}'", sa.Text)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a run has come to, as the worker says that has it under an epoch; without a ``result``, others have written its end.

    ``rest`` are rows of records that are not written by then.
    """

    run_id: str
    epoch: int = 0
    result: RunResult | None = None
    rest: Sequence[Row] = ()


def put_rest(work: Writing, given: Sequence[Outcome]) -> None:
    """Write what is left of runs' records. From here on nobody else takes such a run: so it is theirs by its epoch, or nothing is written."""
    rows = [row for it in given for row in it.rest]
    if rows:
        dialect = work.connection.dialect.name
        if dialect != "sqlite":  # which has one writer
            held = {it.run_id for it in given if it.rest}
            work.connection.execute(_holding(dialect), {"runs": texts(dialect, held)})
        put(work.connection, rows)


def lock(work: Writing, run_ids: Collection[str]) -> Sequence[Any]:
    """Return what is known of runs and what they weigh, in the order of their ids, and locked in it: so no two who do this wait for each other. Their tenants are entered.

    ``own`` are the bytes of document, params and result, ``kept`` those that the stages gave, ``told`` those of the events;
    ``cpu_seconds`` and ``spent`` are what was used before its records were made, and by them.
    """
    dialect = work.connection.dialect.name
    found: list[Any] = list(
        work.connection.execute(_locking(dialect), {"runs": texts(dialect, run_ids)})
    )
    work.entered |= {row.entered: row.reason for row in found if row.entered is not None}
    return found


def settle(work: Writing, rows: Sequence[dict[str, Any]], *, ended: bool) -> None:
    """Note that runs are settled: ``run_id``, what was ``now_charged`` and ``now_stored``; and how they ``ended``, where that is not written."""
    if rows:
        work.connection.execute(_settling(ended=ended), list(rows))


def forget_waits(work: Writing, run_ids: Collection[str]) -> None:
    """Forget what runs waited for."""
    dialect = work.connection.dialect.name
    work.connection.execute(_forgetting(dialect), {"runs": texts(dialect, run_ids)})


def told(work: Writing, run_ids: Collection[str]) -> dict[str, int]:
    """Return the bytes of the events of runs."""
    dialect = work.connection.dialect.name
    found = work.connection.execute(_telling(dialect), {"runs": texts(dialect, run_ids)})
    return {row.run: row.bytes for row in found}


@cache
def _holding(dialect: str) -> sa.Executable:
    wanted = sa.select(RUNS.c.id).where(among(dialect, RUNS.c.id, "runs")).order_by(RUNS.c.id)
    return wanted.with_for_update(key_share=True)


@cache
def _locking(dialect: str) -> sa.Executable:
    names = "id tenant workflow status epoch origin depth concurrency created charged stored settled cpu_seconds"
    known: list[Any] = [RUNS.c[name] for name in names.split()]
    known.append(sa.case((_OVER, RUNS.c.result)).label("result"))
    known += [TENANTS.c.name.label("entered"), why_disabled()]
    # Whose they are is entered with them.
    whose = RUNS.outerjoin(TENANTS, TENANTS.c.name == RUNS.c.tenant)
    wanted = sa.select(*known, *_weights()).select_from(whose)
    wanted = wanted.where(among(dialect, RUNS.c.id, "runs"))
    # Who writes a record of the run, which refers to this row, does not wait for that.
    return wanted.order_by(RUNS.c.id).with_for_update(key_share=True, of=RUNS)


def _weights() -> list[Any]:
    records, events = RECORDS.c.run == RUNS.c.id, EVENTS.c.run == RUNS.c.id
    own = _length(RUNS.c.document) + _length(RUNS.c.params)
    own += sa.case((_OVER, _length(RUNS.c.result)), else_=_ZERO)
    own += sa.select(_sum(PINS.c.value)).where(PINS.c.run == RUNS.c.id).scalar_subquery()
    outputs = sa.select(_sum(RECORDS.c.outputs)).where(records).scalar_subquery()
    blobs = sa.select(_sum(BLOBS.c.data)).join(RECORDS, RECORDS.c.blob == BLOBS.c.digest)
    spent = sa.select(sa.func.max(RECORDS.c.cpu_seconds)).where(records)
    return [
        own.label("own"),
        (outputs + blobs.where(records).scalar_subquery()).label("kept"),
        spent.scalar_subquery().label("spent"),
        sa.select(_sum(EVENTS.c.data)).where(events).scalar_subquery().label("told"),
    ]


@cache
def _settling(*, ended: bool) -> sa.Executable:
    """Return the statement for each of the runs; they are locked by now."""
    changed: dict[str, Any] = {"settled": 1}
    names = ("charged", "stored", *(("status", "ended", "result") if ended else ()))
    changed |= {name: sa.bindparam(f"now_{name}", type_=RUNS.c[name].type) for name in names}
    mine = RUNS.c.id == sa.bindparam("run_id", type_=RUNS.c.id.type)
    return sa.update(RUNS).where(mine).values(changed)


@cache
def _forgetting(dialect: str) -> sa.Executable:
    return sa.delete(WAITS).where(among(dialect, WAITS.c.run, "runs"))


@cache
def _telling(dialect: str) -> sa.Executable:
    size = _sum(EVENTS.c.data).label("bytes")
    return (
        sa.select(EVENTS.c.run, size)
        .where(among(dialect, EVENTS.c.run, "runs"))
        .group_by(EVENTS.c.run)
    )


def _length(column: sa.Column[Any]) -> sa.ColumnElement[int]:
    return sa.func.coalesce(sa.func.length(column), _ZERO)


def _sum(column: sa.Column[Any]) -> sa.ColumnElement[int]:
    return sa.func.coalesce(sa.func.sum(sa.func.length(column)), _ZERO)
