"""The tables of dispatch: runs in their order, and workers with their leases. SQLAlchemy Core, on SQLite and PostgreSQL."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy import (
    BigInteger,
    Column,
    Float,
    Index,
    Integer,
    String,
    Table,
    Text,
    event,
)

from blockyard_platform.store.engines import limit_idle, open_engine
from blockyard_platform.store.tables import METADATA

if TYPE_CHECKING:
    from collections.abc import Generator

    from sqlalchemy.engine import Connection, Engine

_LOCK = 1651270512
IDLE_SECONDS = 5
"""How long a transaction of dispatch may stand still in PostgreSQL: a process may be stopped while it holds the lock."""

QUEUE = Table(
    "queue",
    METADATA,
    Column(
        "seq", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True
    ),
    Column("run", String(100), nullable=False, unique=True),
    Column("tenant", String(100), nullable=False),
    Column("state", String(10), nullable=False),
    # The priority with its sign turned, so that one ascending index gives the order.
    Column("rank", Integer, nullable=False),
    Column("worker", String(100)),
    Column("number", Integer, nullable=False),
    Column("failures", Integer, nullable=False),
    Column("cancel", Integer, nullable=False),
    Column("again", Integer, nullable=False),
    Column("submitted", Float, nullable=False),
    Column("due", Float),
    Column("ended", Float),
    Index("queue_order", "state", "tenant", "rank", "seq"),
    Index("queue_worker", "worker"),
    Index(
        "queue_ended",
        "ended",
        sqlite_where=sa.text("ended IS NOT NULL"),
        postgresql_where=sa.text("ended IS NOT NULL"),
    ),
    sqlite_autoincrement=True,
)

WORKERS = Table(
    "workers",
    METADATA,
    Column("id", String(100), primary_key=True),
    Column("place", Text, nullable=False),
    Column("slots", Integer, nullable=False),
    Column("beat", BigInteger, nullable=False),
    Column("seen", Float, nullable=False),
)


def open_tables(place: str) -> Engine:
    """Open a database, as the journal does, and migrate it. Raises StoreError."""
    engine = open_engine(place)
    event.listen(engine, "connect", _PREPARE[engine.dialect.name])
    engine.dispose()
    if engine.dialect.name == "sqlite":
        return engine
    # What was waited for, or skipped, is then looked at as it is now, whatever the server's default.
    return engine.execution_options(isolation_level="READ COMMITTED")


@contextmanager
def locked(engine: Engine) -> Generator[Connection]:
    """Begin a transaction that no other process's overlaps: caps hold over all workers, and reapers and claims see each other."""
    with engine.connect() as connection:
        if engine.dialect.name == "sqlite":
            connection.exec_driver_sql("BEGIN IMMEDIATE")
        else:
            connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_LOCK})")
        yield connection
        connection.commit()


def looking(engine: Engine) -> Connection:
    """Return a connection to look by, to be closed: each statement stands alone."""
    connection = engine.connect()
    if engine.dialect.name == "sqlite":
        return connection
    return connection.execution_options(isolation_level="AUTOCOMMIT")


@contextmanager
def writing(engine: Engine) -> Generator[Connection]:
    """Begin a transaction that others may overlap; on SQLite one that begins as a writer, and so waits for its turn."""
    with engine.connect() as connection:
        if engine.dialect.name == "sqlite":
            connection.exec_driver_sql("BEGIN IMMEDIATE")
        yield connection
        connection.commit()


def now(engine: Engine | Connection) -> sa.ColumnElement[float]:
    """Return the database's clock, in seconds since 1970."""
    return clock(engine.dialect.name)


def clock(dialect: str) -> sa.ColumnElement[float]:
    """Return the clock of such a database, as :func:`now`."""
    if dialect == "sqlite":
        return sa.literal_column("(julianday('now') - 2440587.5) * 86400.0", Float)
    return sa.literal_column("extract(epoch from clock_timestamp())::float8", Float)


def _prepare_sqlite(connection: Any, _: Any) -> None:
    """Let what was accepted outlive the machine's power; the journal takes care of itself."""
    connection.execute("PRAGMA synchronous=FULL")


def _prepare_postgresql(connection: Any, _: Any) -> None:
    """Go by the indexes: a plan that was made while the queue was short is kept, and would read all of a long one."""
    connection.execute("SET enable_seqscan TO off")
    limit_idle(connection, IDLE_SECONDS)


_PREPARE = {"sqlite": _prepare_sqlite, "postgresql": _prepare_postgresql}
