"""Records that the runs of one event loop note at about the same time, written as one group: one statement and one commit for all of them.

What is noted is written when the loop turns. So nobody waits for others to come, and while a group is on its way the next one gathers.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from time import monotonic
from typing import TYPE_CHECKING, Any
from weakref import WeakSet

from sqlalchemy import exc

from blockyard_platform.errors import JournalError
from blockyard_platform.store.engines import UNPROVED_SECONDS
from blockyard_platform.store.errors import FencedError
from blockyard_platform.store.records import put_alone

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection, Engine

    from blockyard_platform.store.records import Row


class Share:
    """One journal's part: what it has noted and is not written yet, by path, and what was said against it once it failed. Its run is at the ``epoch``."""

    __slots__ = ("__weakref__", "epoch", "failed", "rows", "run_id")

    def __init__(self, run_id: str, epoch: int) -> None:
        """Have noted nothing."""
        self.run_id = run_id
        self.epoch = epoch
        self.rows: dict[str, Row] = {}
        self.failed: JournalError | None = None

    def check(self) -> None:
        """Raise what was said against it."""
        if self.failed is not None:
            raise self.failed


class Together:
    """Writes what journals have noted. Used in one event loop, but for :meth:`join` and closing it."""

    def __init__(self, engine: Engine) -> None:
        """Open nothing yet."""
        self._engine = engine
        self._connection: Connection | None = None
        self._used = 0.0
        self._shares: WeakSet[Share] = WeakSet()
        self._noted: dict[Share, None] = {}
        self._waiting: list[tuple[Share, asyncio.Future[None]]] = []
        self._due = False

    def join(self, share: Share) -> None:
        """Have one more that may note something, from any thread."""
        self._shares.add(share)

    def note(self, share: Share, row: Row) -> None:
        """Take the row of a record, to be written when the loop turns."""
        share.rows[row["path"]] = row | {"run": share.run_id, "epoch": share.epoch}
        self._noted[share] = None
        if not self._due:
            self._due = True
            asyncio.get_running_loop().call_soon(self.flush)

    def written(self, share: Share) -> asyncio.Future[None] | None:
        """Return what is to be waited for until all is written that was noted; one that is alone is not kept waiting.

        Raises, or lets the future raise, JournalError, and FencedError when the run is another process's now.
        """
        share.check()
        if not share.rows:
            return None
        if len(self._shares) == 1:
            self.flush()
            share.check()
            return None
        future = asyncio.get_running_loop().create_future()
        self._waiting.append((share, future))
        return future

    def taken(self, share: Share) -> list[Row]:
        """Return what is not written, for somebody else to write; nothing more is noted of this share. Raises as :meth:`written` does."""
        share.check()
        self._shares.discard(share)
        self._noted.pop(share, None)
        rows, share.rows = list(share.rows.values()), {}
        return rows

    def leave(self, share: Share) -> None:
        """Note nothing more of this share; what was noted is written."""
        self._shares.discard(share)

    def flush(self) -> None:
        """Write all that was noted, now."""
        self._due = False
        noted, self._noted = list(self._noted), {}
        waiting, self._waiting = self._waiting, []
        if noted:
            self._write(noted)
        for share, future in waiting:
            if future.done():  # its run was cancelled
                continue
            if share.failed is None:
                future.set_result(None)
            else:
                future.set_exception(share.failed)

    def close(self) -> None:
        """Close the connection."""
        if self._connection is not None:
            with suppress(exc.SQLAlchemyError):
                self._connection.close()
            self._connection = None

    def _write(self, shares: list[Share]) -> None:
        """Write what these shares have noted, together; each alone when that fails, so that it concerns none but the one whose it is."""
        try:
            self._put(shares)
        except JournalError as error:
            if len(shares) > 1:
                for share in shares:
                    self._write([share])
                return
            shares[0].failed = error
        for share in shares:
            share.rows = {}

    def _put(self, shares: list[Share]) -> None:
        rows = [row for share in shares for row in share.rows.values()]
        try:
            written = put_alone(self._opened(), rows)
        except exc.SQLAlchemyError as error:
            self.close()
            message = f"the journal cannot be written: {getattr(error, 'orig', None) or error}"
            raise JournalError(message) from error
        self._used = monotonic()
        if written != len(rows):
            raise FencedError(shares[0].run_id)

    def _opened(self) -> Connection:
        """Return a connection of its own, whose commits do not wait for the disk: a process's end loses none of them in any case."""
        if self._connection is not None and self._is_old(self._connection):
            self.close()
        if self._connection is None:
            connection = self._engine.connect()
            if self._engine.dialect.name == "sqlite":
                connection.exec_driver_sql("PRAGMA synchronous=NORMAL")
                connection.commit()
            else:
                connection.execution_options(isolation_level="AUTOCOMMIT")
                connection.exec_driver_sql("SET synchronous_commit TO off")
            connection.detach()  # it is nobody else's, and goes to no pool
            self._connection = connection
        return self._connection

    def _is_old(self, connection: Connection) -> bool:
        """Whether a connection that was not used just now does not hold any more."""
        if monotonic() - self._used < UNPROVED_SECONDS or self._engine.dialect.name == "sqlite":
            return False
        raw: Any = connection.connection.dbapi_connection
        try:
            raw.execute("SELECT 1")
        except self._engine.dialect.loaded_dbapi.Error:
            return True
        return False
