"""The journal of one run in a database: every record is committed before the next stage begins.

Without ``together`` each is, when the call returns. With it, records of stages without effects are written in groups with those of other runs: ``behind`` tells
that some are not yet, ``written`` returns what is to be waited for, and ``rest`` those that nobody has waited for at the end. Each write names the epoch that the run had when this process took it, in the same statement, so that a process that another one has
taken the run from cannot write any more.
"""

from __future__ import annotations

from contextlib import suppress
from time import time
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy import exc

from blockyard_platform.errors import JournalError
from blockyard_platform.store.errors import FencedError
from blockyard_platform.store.records import put_alone
from blockyard_platform.store.rows import dumped, row_of
from blockyard_platform.store.statements import statements
from blockyard_platform.store.tables import RUNS
from blockyard_platform.store.together import Share
from blockyard_schemas.statuses import Status

if TYPE_CHECKING:
    from collections.abc import Awaitable, Sequence

    from sqlalchemy.engine import Connection, Engine

    from blockyard_platform.engine.journal import Marks
    from blockyard_platform.results import RunResult, StageRecord
    from blockyard_platform.store.records import Row
    from blockyard_platform.store.together import Together

_DEAR_SECONDS = 1.0
"""What a stage may have taken at most, for its record to be written with the end of its run: it is lost if the process dies in between."""


class SqlJournal:
    """Writes what one run does; a write of a few dozen microseconds on SQLite is not worth a thread."""

    def __init__(
        self,
        engine: Engine,
        run_id: str,
        epoch: int,
        seq: int = 0,
        together: Together | None = None,
    ) -> None:
        """Write as the holder of this epoch, on from this position. Nothing is opened yet."""
        self._sqlite = engine.dialect.name == "sqlite"
        self._engine = engine
        self._connection: Connection | None = None
        self._together = together
        self._share = Share(run_id, epoch)
        if together is not None:
            together.join(self._share)
        self._run_id = run_id
        self._key: dict[str, Any] = {"run": run_id, "epoch": epoch}
        self._seq = seq
        self._begun = False
        self._durable: bool | None = (
            None  # what another run has left on this connection is not known
        )
        self._sql = statements(engine.dialect.name)

    @property
    def behind(self) -> bool:
        """Whether something that was noted is not written, or could not be."""
        return bool(self._share.rows) or self._share.failed is not None

    @property
    def epoch(self) -> int:
        """The epoch as whose holder it writes."""
        epoch: int = self._key["epoch"]
        return epoch

    def started(self, path: str, at: float) -> None:
        """Note that an effect begins; raise FencedError when the run is another process's now."""
        self._catch_up()
        self._write(self._sql.start, {"path": path, "at": at, "count": 1}, durable=True)

    def finished(self, record: StageRecord, marks: Marks) -> None:
        """Note how a stage ended; raise FencedError when the run is another process's now."""
        row, blob = row_of(record, marks)
        self._seq += 1
        row["seq"] = self._seq
        if self._together is not None and blob is None and not marks.durable:
            self._share.check()
            self._together.note(self._share, row)
            return
        self._catch_up()
        waits = record.kind == "wait" and record.status is Status.CANCEL
        closes = _attempts(record) if marks.durable and not waits else ()
        statement = self._sql.record if marks.durable else self._sql.light
        self._write(statement, row, durable=marks.durable, blob=blob, closes=closes)

    def pinned(self, name: str, value: str) -> None:
        """Note what the run has fixed; raise FencedError when the run is another process's now."""
        self._catch_up()
        self._write(self._sql.pin, {"name": name, "value": value}, durable=True)

    def ended(self, result: RunResult) -> None:
        """Note how the run ended; raise FencedError when it is another process's now."""
        self._catch_up()
        self._write(ending(self._run_id, self.epoch, result), None, durable=True)

    def written(self) -> Awaitable[None] | None:
        """Have all that was noted written; raise FencedError, then or in what is waited for, when the run is another process's now."""
        return None if self._together is None else self._together.written(self._share)

    def rest(self) -> list[Row]:
        """Return the rows of records that are not written, for who writes the end to write with it, as they are no loss without it: what took long is written now. Nothing is noted afterwards."""
        if self._together is None:
            return []
        rows = self._share.rows.values()
        if any(row["seconds"] > _DEAR_SECONDS or row["block"] is not None for row in rows):
            self._catch_up()
        return self._together.taken(self._share)

    def close(self) -> None:
        """Give the connection back."""
        if self._together is not None:
            self._together.leave(self._share)
        if self._connection is not None:
            self._connection.close()

    def _catch_up(self) -> None:
        """Write now what was noted before."""
        if self._together is not None and self.behind:
            self._together.flush()
            self._share.check()

    def _opened(self) -> Connection:
        if self._connection is None:
            self._connection = self._engine.connect()
            if not self._sqlite:
                # A write of one statement is a journey; with a beginning and an end of its own it is three.
                self._connection.execution_options(isolation_level="AUTOCOMMIT")
        return self._connection

    def _write(
        self,
        statement: sa.Executable,
        row: dict[str, Any] | None,
        *,
        durable: bool,
        blob: bytes | None = None,
        closes: Sequence[str] = (),
    ) -> None:
        """Write a row, its blob, and the end of what was begun at the paths ``closes``, all together or not at all."""
        try:
            connection = self._opened()
            self._prepare(connection, durable=durable, alone=blob is None and not closes)
            # The run is locked before the blob: a purge does it in that order, and neither waits in a circle.
            if self._execute(connection, statement, row) != 1:
                raise FencedError(self._run_id)
            if blob is not None and row is not None:
                connection.execute(self._sql.blob, {"digest": row["blob"], "data": blob})
            for path in closes:
                connection.execute(self._sql.close, {"run": self._run_id, "path": path})
            self._end(connection, "COMMIT")
            connection.commit()
        except BaseException as error:
            self._undo()
            if isinstance(error, exc.SQLAlchemyError):
                message = f"the journal cannot be written: {getattr(error, 'orig', None) or error}"
                raise JournalError(message) from error
            raise

    def _execute(
        self, connection: Connection, statement: sa.Executable, row: dict[str, Any] | None
    ) -> int:
        """Execute a statement, and return how many rows it has written."""
        given = None if row is None else row | self._key
        if self._sqlite and given is not None and statement is self._sql.light:
            return put_alone(connection, [given])
        return connection.execute(statement, given).rowcount

    def _undo(self) -> None:
        if self._connection is not None:
            with suppress(exc.SQLAlchemyError):
                self._end(self._connection, "ROLLBACK")
            self._connection.rollback()

    def _prepare(self, connection: Connection, *, durable: bool, alone: bool) -> None:
        """Let a commit wait for the disk when it must outlive the machine's power; a process's end loses none in any case.

        In PostgreSQL it waits unless the statement says otherwise itself; one that is ``alone`` needs no transaction around it.
        """
        if not self._sqlite:
            if not alone:
                connection.exec_driver_sql("BEGIN ISOLATION LEVEL READ COMMITTED")
                self._begun = True
        elif durable != self._durable:
            level = "FULL" if durable else "NORMAL"
            connection.exec_driver_sql(f"PRAGMA synchronous={level}")
            connection.commit()
            self._durable = durable

    def _end(self, connection: Connection, word: str) -> None:
        """End the transaction that was begun by a word, if one was."""
        if self._begun:
            self._begun = False
            connection.exec_driver_sql(word)


def ending(run_id: str, epoch: int, result: RunResult) -> sa.Update:
    """Return the statement that notes how a run ended, while it has the epoch."""
    mine = sa.update(RUNS).where(RUNS.c.id == run_id, RUNS.c.epoch == epoch)
    return mine.values(status=result.status.value, ended=time(), result=dumped(result.as_dict()))


def _attempts(record: StageRecord) -> tuple[str, ...]:
    """Return the node paths under which a stage may have begun: each attempt at a wait has one of its own."""
    more = range(2, record.attempts + 1) if record.kind == "wait" else ()
    return (record.path, *(f"{record.path}~{attempt}" for attempt in more))
