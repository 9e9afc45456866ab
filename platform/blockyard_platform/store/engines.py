"""Database engines: SQLite in WAL mode or PostgreSQL, migrated to what this version needs."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path
from time import monotonic, sleep
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy import event, exc

from blockyard_platform.store.errors import StoreError
from blockyard_platform.store.sqlite import CommittingConnection
from blockyard_platform.store.tables import HEAD

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection, Engine
    from sqlalchemy.pool import ConnectionPoolEntry

_BUSY_SECONDS = 30
"""How long a write waits for others on SQLite, which lets nobody go first who has waited longest."""
_IDLE_SECONDS = 60
"""How long a transaction may stand still in PostgreSQL. A journal holds a connection as long as its run, but no transaction."""
_PAUSE_SECONDS = 0.01
UNPROVED_SECONDS = 1.0
"""How long ago a connection to PostgreSQL may have been used last, to be used again without a question whether it still holds."""
_A_FILE = "give the path of a file in a folder that can be written, or a database's URL"
_A_SERVER = "see that the server is there, and lets this user into this database"
_KEPT_CONNECTIONS = 20
"""Connections that are kept once they were needed: PostgreSQL starts a process for each new one."""
_MOST_CONNECTIONS = 75
"""Connections beyond those: a run that has an effect under way holds one."""


def open_engine(place: str | os.PathLike[str]) -> Engine:
    """Return an engine for a file, or for a URL (``sqlite:///...``, ``postgresql://...``). Raises StoreError."""
    url = _url(place)
    try:
        return _opened(url)
    except (exc.SQLAlchemyError, OSError, ImportError) as error:
        words = str(getattr(error, "orig", None) or error).strip().splitlines()
        shown = url.render_as_string(hide_password=True)
        raise StoreError(
            f"cannot use the journal {shown}: {words[0] if words else type(error).__name__}",
            _A_FILE if url.get_backend_name() == "sqlite" else _A_SERVER,
        ) from error


def file_of(place: str | os.PathLike[str]) -> Path | None:
    """Return the file of a place on SQLite, by its one real name; None for other places. Raises StoreError."""
    url = _url(place)
    on_disk = url.get_backend_name() == "sqlite" and url.database not in (None, "", ":memory:")
    return Path(str(url.database)).resolve() if on_disk else None


def _opened(url: sa.URL) -> Engine:
    engine = sa.create_engine(url, **_options(url))
    if url.get_backend_name() == "sqlite":
        event.listen(engine, "connect", _configure_sqlite)
    else:
        event.listen(engine, "connect", _limit_idle)
        prove_idle(engine)
    try:
        _migrate(engine)
    except BaseException:
        engine.dispose()
        raise
    return engine


def _url(place: str | os.PathLike[str]) -> sa.URL:
    text = os.fspath(place)
    if "://" not in text:
        return sa.URL.create("sqlite", database=str(Path(text).absolute()))
    try:
        url = sa.make_url(text)
    except (exc.ArgumentError, ValueError) as error:
        raise StoreError(
            "the journal's URL cannot be read", "write postgresql://USER@HOST/DATABASE"
        ) from error
    name = url.get_backend_name()
    if name not in ("sqlite", "postgresql"):
        raise StoreError(f"there is no journal in {name}", "use SQLite or PostgreSQL")
    return url.set(drivername="postgresql+psycopg") if name == "postgresql" else url


def _options(url: sa.URL) -> dict[str, Any]:
    kept = {"pool_size": _KEPT_CONNECTIONS, "max_overflow": _MOST_CONNECTIONS}
    if url.get_backend_name() == "sqlite":
        arguments = {"timeout": _BUSY_SECONDS, "factory": CommittingConnection}
        return {"connect_args": arguments, **kept}
    # A row that was waited for is then seen as it is now, whatever the server's default. It is said here, since an engine with options
    # that is made of another one with options goes by those of the other.
    return {"isolation_level": "READ COMMITTED", **kept}


def _configure_sqlite(connection: Any, _: Any) -> None:
    _use_wal(connection)
    for pragma in (
        "synchronous=NORMAL",
        "foreign_keys=ON",
        "wal_autocheckpoint=4000",
    ):
        connection.execute(f"PRAGMA {pragma}")


def limit_idle(connection: Any, seconds: float) -> None:
    """Let PostgreSQL end a transaction in which nothing comes for so long: a process may be stopped while it holds a lock."""
    connection.execute(f"SET idle_in_transaction_session_timeout TO '{round(seconds * 1000)}ms'")
    connection.commit()


def _limit_idle(connection: Any, _: Any) -> None:
    # A statement that stands alone goes by this, whatever the server's default.
    connection.execute("SET default_transaction_isolation TO 'read committed'")
    limit_idle(connection, _IDLE_SECONDS)


def prove_idle(engine: Engine) -> None:
    """Have a connection to PostgreSQL asked whether it holds when it comes from the pool, unless it was used just now: that would cost a journey each time."""
    dialect, dbapi = engine.dialect, engine.dialect.loaded_dbapi

    def checkin(_: Any, record: ConnectionPoolEntry) -> None:
        record.info["used"] = monotonic()

    def checkout(connection: Any, record: ConnectionPoolEntry, _: Any) -> None:
        if monotonic() - record.info.get("used", float("inf")) < UNPROVED_SECONDS:
            return
        try:
            dialect.do_ping(connection)
        except dbapi.Error as error:
            raise exc.InvalidatePoolError from error  # All of the pool's are old then.

    event.listen(engine, "checkin", checkin)
    event.listen(engine, "checkout", checkout)


def _use_wal(connection: sqlite3.Connection) -> None:
    """Have the file in WAL mode, which it stays in. SQLite itself does not wait for whoever else does this, or reads, at the time."""
    until = monotonic() + _BUSY_SECONDS
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or monotonic() > until:
                raise
            sleep(_PAUSE_SECONDS)
        else:
            return


def _migrate(engine: Engine) -> None:
    """Bring the tables to what this version needs; Alembic is loaded only when there is something to do."""
    with engine.connect() as connection:
        version = version_of(connection)
    if version == HEAD:
        return
    check_version(version)
    from blockyard_platform.store.migrations import upgrade

    upgrade(engine)


def check_version(version: str | None) -> None:
    """Raise StoreError for a database that a newer version of the program has migrated."""
    if version is not None and version > HEAD:
        raise StoreError(
            f"the journal was written by a newer version of this program ({version}, and this one knows {HEAD})",
            "update the program, or give another journal",
        )


def version_of(connection: Connection) -> str | None:
    """Return the migration that a database is at; None for one that has none of our tables."""
    if not sa.inspect(connection).has_table("alembic_version"):
        return None
    found: str | None = connection.scalar(sa.text("SELECT version_num FROM alembic_version"))
    return found
