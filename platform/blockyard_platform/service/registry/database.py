"""Transactions: one to read in, and one to write in, which leaves its notes in the audit log when it ends."""

from __future__ import annotations

from contextlib import contextmanager
from time import time
from typing import TYPE_CHECKING, Any

from sqlalchemy import exc

from blockyard_platform.service.registry.audit import Note, append, read_head
from blockyard_platform.store.engines import open_engine
from blockyard_platform.store.errors import StoreError
from blockyard_platform.store.lists import inserting

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Generator

    import sqlalchemy as sa
    from sqlalchemy.engine import Connection, Engine

    from blockyard_platform.service.registry.callers import Caller


class Reading:
    """A transaction that looks. ``now`` is the same time all through it; ``entered`` are the tenants that were found, with why they are disabled."""

    def __init__(self, connection: Connection, now: float) -> None:
        """Look by this connection."""
        self.connection = connection
        self.now = now
        self.entered: dict[str, str | None] = {}


class Writing(Reading):
    """A transaction that changes: all of it is done, or nothing. No other one writes to SQLite meanwhile."""

    def __init__(self, connection: Connection, now: float) -> None:
        """Write by this connection."""
        super().__init__(connection, now)
        self.notes: list[Note] = []

    def note(
        self, caller: Caller, tenant: str | None, action: str, thing: str, **details: Any
    ) -> None:
        """Have a row added to the audit log when the transaction ends: last, so that the log is locked for a short while."""
        self.notes.append(Note(caller.who, tenant, action, thing, details))

    def lock_log(self) -> None:
        """Let nobody else change anything that is noted before the transaction ends."""
        read_head(self.connection, lock=True)

    def insert(self, table: sa.Table) -> Any:
        """Return an INSERT that can say what becomes of a row that is there (``on_conflict_do_...``)."""
        return inserting(self.connection.dialect.name, table)

    def change(self, statement: Any) -> int:
        """Do an INSERT, UPDATE or DELETE, and return how many rows it has written."""
        done: Any = self.connection.execute(
            statement, execution_options={"preserve_rowcount": True}
        )
        return int(done.rowcount)


class Database:
    """The database of the service, with the journal in it. ``now`` is the clock. Close it at the end."""

    def __init__(
        self, place: str | os.PathLike[str] | Engine, now: Callable[[], float] = time
    ) -> None:
        """Open a file's path or a URL, and migrate it; or use an engine that is open. Raises StoreError."""
        from sqlalchemy.engine import Engine

        self._mine = not isinstance(place, Engine)
        self._engine = place if isinstance(place, Engine) else open_engine(place)
        self._sqlite = self._engine.dialect.name == "sqlite"
        self._now = now
        # Each statement sees what is committed by then either way, and one that stands alone needs no words around it. Nor is it
        # rolled back in the end: with a rollback the driver would forget the statements that it has prepared.
        self._looking = (
            self._engine
            if self._sqlite
            else self._engine.execution_options(isolation_level="AUTOCOMMIT")
        )

    @property
    def engine(self) -> Engine:
        """What the connections come from."""
        return self._engine

    @contextmanager
    def reading(self) -> Generator[Reading]:
        """Yield a transaction to look in. What the database says against it is a StoreError."""
        with _told(), self._looking.connect() as connection:
            yield Reading(connection, self._now())

    @contextmanager
    def writing(self) -> Generator[Writing]:
        """Yield a transaction to write in; it is on the disk when this ends without an error, and undone otherwise."""
        with _told(), self._engine.connect() as connection:
            if self._sqlite:
                # An earlier user of the connection may have asked for less. To begin as a writer spares the
                # error that SQLite gives to a reader who wants to write when another one has written.
                connection.exec_driver_sql("PRAGMA synchronous=FULL")
                connection.exec_driver_sql("BEGIN IMMEDIATE")
            work = Writing(connection, self._now())
            yield work
            if work.notes:
                append(connection, work.notes, work.now)
            connection.commit()

    def close(self) -> None:
        """Close all connections, but for those of an engine that was given."""
        if self._mine:
            self._engine.dispose()


@contextmanager
def _told() -> Generator[None]:
    try:
        yield
    except exc.SQLAlchemyError as error:
        words = str(getattr(error, "orig", None) or error).strip().splitlines()
        hint = "see that it can be read and written, and that there is room on its disk"
        said = words[0] if words else type(error).__name__
        raise StoreError(f"the registry cannot be used: {said}", hint) from error
