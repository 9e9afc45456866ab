"""The journal of one run in a database: every record is committed before the next stage begins.

Each write names the epoch that the run had when this process took it, in the same statement, so that a process that another one has
taken the run from cannot write any more.
"""

from __future__ import annotations

from time import time
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy import exc
from sqlalchemy.dialects import postgresql, sqlite

from blockyard_platform.errors import JournalError
from blockyard_platform.store.errors import FencedError
from blockyard_platform.store.rows import dumped, row_of
from blockyard_platform.store.tables import BLOBS, PINS, RECORDS, RUNS, STARTS
from blockyard_schemas.statuses import Status

if TYPE_CHECKING:
    from sqlalchemy.engine import Engine

    from blockyard_platform.engine.journal import Marks
    from blockyard_platform.results import RunResult, StageRecord


class SqlJournal:
    """Writes what one run does; a write of a few dozen microseconds on SQLite is not worth a thread."""

    def __init__(self, engine: Engine, run_id: str, epoch: int, seq: int = 0) -> None:
        """Write as the holder of this epoch, on from this position."""
        self._connection = engine.connect()
        self._sqlite = engine.dialect.name == "sqlite"
        self._run_id = run_id
        self._key: dict[str, Any] = {"run": run_id, "epoch": epoch}
        self._seq = seq
        self._durable: bool | None = (
            None  # what another run has left on this connection is not known
        )
        self._insert_record = _upsert(engine, RECORDS)
        self._insert_start = _upsert(engine, STARTS)
        self._close_start = sa.delete(STARTS).where(
            STARTS.c.run == sa.bindparam("run"), STARTS.c.path == sa.bindparam("path")
        )
        self._insert_pin = _upsert(engine, PINS)
        self._insert_blob = _insert(engine, BLOBS).on_conflict_do_nothing()

    def started(self, path: str, at: float) -> None:
        """Note that an effect begins; raise FencedError when the run is another process's now."""
        self._write(self._insert_start, {"path": path, "at": at, "count": 1}, durable=True)

    def finished(self, record: StageRecord, marks: Marks) -> None:
        """Note how a stage ended; raise FencedError when the run is another process's now."""
        row, blob = row_of(record, marks)
        self._seq += 1
        row["seq"] = self._seq
        waits = record.kind == "wait" and record.status is Status.CANCEL
        closes = record.path if marks.durable and not waits else None
        self._write(self._insert_record, row, durable=marks.durable, blob=blob, closes=closes)

    def pinned(self, name: str, value: str) -> None:
        """Note what the run has fixed; raise FencedError when the run is another process's now."""
        self._write(self._insert_pin, {"name": name, "value": value}, durable=True)

    def ended(self, result: RunResult) -> None:
        """Note how the run ended; raise FencedError when it is another process's now."""
        statement = (
            sa.update(RUNS)
            .where(RUNS.c.id == self._key["run"], RUNS.c.epoch == self._key["epoch"])
            .values(status=result.status.value, ended=time(), result=dumped(result.as_dict()))
        )
        self._write(statement, None, durable=True)

    def close(self) -> None:
        """Give the connection back."""
        self._connection.close()

    def _write(
        self,
        statement: sa.Executable,
        row: dict[str, Any] | None,
        *,
        durable: bool,
        blob: bytes | None = None,
        closes: str | None = None,
    ) -> None:
        """Write a row, the blob before it, and the end of what was begun at the path ``closes``, all together or not at all."""
        connection = self._connection
        try:
            self._prepare(durable=durable)
            if blob is not None and row is not None:
                connection.execute(self._insert_blob, {"digest": row["blob"], "data": blob})
            written = connection.execute(statement, None if row is None else row | self._key)
            if written.rowcount != 1:
                raise FencedError(self._run_id)
            if closes is not None:
                connection.execute(self._close_start, {"run": self._run_id, "path": closes})
            connection.commit()
        except BaseException as error:
            connection.rollback()
            if isinstance(error, exc.SQLAlchemyError):
                message = f"the journal cannot be written: {getattr(error, 'orig', None) or error}"
                raise JournalError(message) from error
            raise

    def _prepare(self, *, durable: bool) -> None:
        """Let a commit wait for the disk when it must outlive the machine's power; a process's end loses none in any case."""
        if not self._sqlite:
            if not durable:
                self._connection.exec_driver_sql("SET LOCAL synchronous_commit TO OFF")
        elif durable != self._durable:
            level = "FULL" if durable else "NORMAL"
            self._connection.exec_driver_sql(f"PRAGMA synchronous={level}")
            self._connection.commit()
            self._durable = durable


def _insert(engine: Engine, table: sa.Table) -> Any:
    insert = sqlite.insert if engine.dialect.name == "sqlite" else postgresql.insert
    return insert(table)


def _upsert(engine: Engine, table: sa.Table) -> sa.Executable:
    """Return the statement that writes a row, or writes over it, while the run has the epoch."""
    holds = sa.exists().where(
        RUNS.c.id == sa.bindparam("run"), RUNS.c.epoch == sa.bindparam("epoch")
    )
    values = [sa.bindparam(column.name, type_=column.type) for column in table.c]
    insert = _insert(engine, table).from_select(list(table.c), sa.select(*values).where(holds))
    changed = {column.name: insert.excluded[column.name] for column in table.c}
    if table is STARTS:
        changed = {"count": STARTS.c.count + 1}
    statement = insert.on_conflict_do_update(index_elements=list(table.primary_key), set_=changed)
    kept: sa.Executable = statement.execution_options(preserve_rowcount=True)
    return kept
