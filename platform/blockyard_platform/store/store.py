"""Runs in a database: begun, taken up again, looked at."""

from __future__ import annotations

import json
import os
from contextlib import contextmanager
from dataclasses import dataclass
from time import time
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy import exc

from blockyard_platform.engine.journal import Begun, Past
from blockyard_platform.store.engines import open_engine
from blockyard_platform.store.errors import StoreError
from blockyard_platform.store.journal import SqlJournal
from blockyard_platform.store.rows import dumped, fingerprint, record_of, uses_of
from blockyard_platform.store.tables import BLOBS, PINS, RECORDS, RUNS, STARTS
from blockyard_schemas.statuses import Status

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Iterator

    from sqlalchemy.engine import Connection, Engine


_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class StoredRun:
    """A run as it stands: ``document`` as plain data, ``params`` with their defaults, ``result`` when it has ended."""

    id: str
    workflow: str
    document: dict[str, Any]
    params: dict[str, Any]
    fingerprint: str
    status: Status
    epoch: int
    created: float
    result: dict[str, Any] | None


class Store:
    """A database of runs, by a file's path or a URL. Close it at the end."""

    def __init__(self, place: str | os.PathLike[str]) -> None:
        """Open the database, and make or migrate its tables. Raises StoreError."""
        self._engine = open_engine(place)

    def create(
        self, run_id: str, workflow: str, document: dict[str, Any], params: dict[str, Any]
    ) -> SqlJournal:
        """Note a run that begins, and return its journal. Raises StoreError when the id is taken."""
        row = {
            "id": run_id,
            "workflow": workflow,
            "document": dumped(document),
            "params": dumped(params),
            "fingerprint": fingerprint(params),
            "status": Status.WAIT.value,
            "epoch": 1,
            "created": time(),
        }
        try:
            with _guarded(self._engine) as connection:
                connection.execute(sa.insert(RUNS), row)
        except exc.IntegrityError as error:
            raise StoreError(
                f"there is a run {run_id} already",
                "resume it, or give another --run-id",
                "run-id",
            ) from error
        return SqlJournal(self._engine, run_id, 1)

    def read(self, run_id: str) -> StoredRun:
        """Return a run. Raises StoreError when there is none."""
        with _guarded(self._engine) as connection:
            return _read(connection, run_id)

    def runs(self) -> list[tuple[str, str, Status, float]]:
        """Return id, workflow, status and time of creation of each run, the latest first."""
        wanted = sa.select(RUNS.c.id, RUNS.c.workflow, RUNS.c.status, RUNS.c.created)
        with _guarded(self._engine) as connection:
            found = connection.execute(wanted.order_by(RUNS.c.created.desc(), RUNS.c.id))
            return [(row.id, row.workflow, Status(row.status), row.created) for row in found]

    def take(
        self, run_id: str, params: dict[str, Any] | None = None, drop: Iterable[str] = ()
    ) -> tuple[SqlJournal, Past]:
        """Take a run up: from now on this process alone can write to it. Returns its journal and what it has done.

        ``params`` replace the stored ones. ``drop`` names the records, by node path, that are to be done again.
        Raises StoreError when there is no such run.
        """
        with _guarded(self._engine) as connection:
            _read(connection, run_id)
            again = sa.case((RUNS.c.status == Status.WAIT.value, RUNS.c.again), else_=1)
            changed: dict[str, Any] = {"epoch": RUNS.c.epoch + 1, "again": again}
            changed |= {"status": Status.WAIT.value, "ended": None, "result": None}
            if params is not None:
                changed["params"] = dumped(params)
            _update(connection, run_id, changed)
            _keep_counts(connection, run_id)
            _drop(connection, run_id, drop)
            epoch = _read(connection, run_id).epoch
            past, seq = _past(connection, run_id)
        return SqlJournal(self._engine, run_id, epoch, seq), past

    def paths(self, run_id: str) -> list[str]:
        """Return the node paths of a run's records, in the order in which they ended."""
        wanted = sa.select(RECORDS.c.path).where(RECORDS.c.run == run_id)
        with _guarded(self._engine) as connection:
            return list(connection.scalars(wanted.order_by(RECORDS.c.seq)))

    def has(self, run_id: str) -> bool:
        """Whether there is such a run."""
        with _guarded(self._engine) as connection:
            wanted = sa.select(RUNS.c.id).where(RUNS.c.id == run_id)
            return connection.execute(wanted).first() is not None

    def reset(
        self, run_id: str, params: dict[str, Any], document: dict[str, Any] | None = None
    ) -> None:
        """Forget all that a run has done, and give it other params, or another document; who worked on it cannot write any more."""
        changed: dict[str, Any] = {"params": dumped(params), "fingerprint": fingerprint(params)}
        changed |= {"epoch": RUNS.c.epoch + 1, "again": 0, "status": Status.WAIT.value}
        if document is not None:
            changed["document"] = dumped(document)
        with _guarded(self._engine) as connection:
            for table in (RECORDS, STARTS, PINS):
                connection.execute(sa.delete(table).where(table.c.run == run_id))
            _update(connection, run_id, changed)

    def files(self) -> tuple[str, ...]:
        """Return the files of this machine that the database is in: none when a server has it."""
        url = self._engine.url
        return (url.database,) if url.get_backend_name() == "sqlite" and url.database else ()

    def close(self) -> None:
        """Close all connections."""
        self._engine.dispose()


@contextmanager
def _guarded(engine: Engine) -> Generator[Connection]:
    """Yield a connection in a transaction of its own; what the database says is a StoreError, but for a key that is taken."""
    try:
        with engine.begin() as connection:
            yield connection
    except exc.IntegrityError:
        raise
    except exc.SQLAlchemyError as error:
        words = str(getattr(error, "orig", None) or error).strip().splitlines()
        hint = "see that it can be read and written, and that there is room on its disk"
        raise StoreError(f"the journal cannot be used: {words[0]}", hint) from error


def _read(connection: Connection, run_id: str) -> StoredRun:
    row: Any = connection.execute(sa.select(RUNS).where(RUNS.c.id == run_id)).first()
    if row is None:
        raise StoreError(
            f"the journal has no run {run_id}",
            "`blockyard runs --journal FILE` lists its runs",
            "run-id",
        )
    try:
        return StoredRun(
            id=row.id,
            workflow=row.workflow,
            document=json.loads(row.document),
            params=json.loads(row.params),
            fingerprint=row.fingerprint,
            status=Status(row.status),
            epoch=row.epoch,
            created=row.created,
            result=None if row.result is None else json.loads(row.result),
        )
    except ValueError as error:
        raise _damaged(run_id, error) from error


def _damaged(run_id: str, error: ValueError) -> StoreError:
    hint = "restore the journal from a copy, or run the document anew"
    return StoreError(f"what the journal holds of the run {run_id} is damaged: {error}", hint)


def _update(connection: Connection, run_id: str, changed: dict[str, Any]) -> None:
    connection.execute(sa.update(RUNS).where(RUNS.c.id == run_id).values(**changed))


def _keep_counts(connection: Connection, run_id: str) -> None:
    """Keep what counts on whatever becomes of the records that tell it: uses of blocks, and CPU seconds."""
    wanted = sa.select(RECORDS.c.block, RECORDS.c.cpu_seconds).where(RECORDS.c.run == run_id)
    rows: list[Any] = list(connection.execute(wanted))
    run: Any = connection.execute(
        sa.select(RUNS.c.uses, RUNS.c.cpu_seconds).where(RUNS.c.id == run_id)
    ).one()
    spent = max((row.cpu_seconds for row in rows), default=0.0)
    counts = {"uses": dumped(uses_of(rows, run.uses)), "cpu_seconds": max(spent, run.cpu_seconds)}
    _update(connection, run_id, counts)


def _drop(connection: Connection, run_id: str, paths: Iterable[str]) -> None:
    for some in _chunks(list(paths)):
        for table in (RECORDS, STARTS):
            connection.execute(
                sa.delete(table).where(table.c.run == run_id, table.c.path.in_(some))
            )


def _chunks(paths: list[str]) -> Iterator[list[str]]:
    for start in range(0, len(paths), _AT_ONCE):
        yield paths[start : start + _AT_ONCE]


def _past(connection: Connection, run_id: str) -> tuple[Past, int]:
    """Return what a run has done, and the position of its last record."""
    wanted = (
        sa.select(RECORDS, BLOBS.c.data)
        .outerjoin(BLOBS, RECORDS.c.blob == BLOBS.c.digest)
        .where(RECORDS.c.run == run_id)
        .order_by(RECORDS.c.seq)
    )
    rows: list[Any] = list(connection.execute(wanted))
    try:
        records = {row.path: record_of(row, row.data) for row in rows}
    except (ValueError, TypeError) as error:
        raise _damaged(run_id, ValueError(str(error))) from error
    variables = next((row.variables for row in reversed(rows) if row.variables is not None), "{}")
    starts: list[Any] = list(connection.execute(sa.select(STARTS).where(STARTS.c.run == run_id)))
    run: Any = connection.execute(sa.select(RUNS).where(RUNS.c.id == run_id)).one()
    pins: list[Any] = list(connection.execute(sa.select(PINS).where(PINS.c.run == run_id)))
    past = Past(
        records=records,
        begun={it.path: Begun(it.count, it.at) for it in starts},
        uses=json.loads(run.uses),
        variables=json.loads(variables),
        cpu_seconds=run.cpu_seconds,
        again=bool(run.again),
        pins={it.name: it.value for it in pins},
    )
    return past, max((row.seq for row in rows), default=0)
