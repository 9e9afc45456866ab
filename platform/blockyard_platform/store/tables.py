"""The tables, as SQLAlchemy Core knows them; ``migrations`` makes them.

Outputs of up to INLINE_BYTES of JSON stand in the record, larger ones once in ``blobs`` by their digest.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    text,
)

INLINE_BYTES = 4096
HEAD = "0009"
"""The newest migration: what a database must be at."""

METADATA = MetaData()


def _partial(condition: str) -> dict[str, Any]:
    """Return the options of an index over the rows for which a condition holds."""
    return {"sqlite_where": text(condition), "postgresql_where": text(condition)}


RUNS = Table(
    "runs",
    METADATA,
    Column("id", String(100), primary_key=True),
    Column("workflow", Text, nullable=False),
    Column("document", Text, nullable=False),
    Column("params", Text, nullable=False),
    Column("fingerprint", String(64), nullable=False),
    Column("status", String(10), nullable=False),
    Column("epoch", Integer, nullable=False),
    Column("created", Float, nullable=False),
    Column("ended", Float),
    Column("result", Text),
    Column("again", Integer, nullable=False, server_default="0"),
    Column("uses", Text, nullable=False, server_default="{}"),
    Column("cpu_seconds", Float, nullable=False, server_default="0"),
    Column("tenant", String(63)),
    Column("version", Integer),
    Column("policy", Integer),
    Column("origin", String(250), nullable=False, server_default=""),
    Column("concurrency", String(200)),
    Column("priority", Integer, nullable=False, server_default="0"),
    Column("depth", Integer, nullable=False, server_default="0"),
    Column("author", String(40)),
    Column("trace", String(60)),
    Column("settled", Integer, nullable=False, server_default="1"),
    Column("charged", Float, nullable=False, server_default="0"),
    Column("stored", BigInteger, nullable=False, server_default="0"),
    Index("ix_runs_tenant", "tenant", "created", "id"),
    Index("ix_runs_status", "tenant", "status", "created", "id"),
    Index("ix_runs_workflow", "tenant", "workflow", "created", "id"),
    Index("ix_runs_origin", "tenant", "origin", "status"),
    Index("ix_runs_concurrency", "tenant", "concurrency", "status"),
    Index("ix_runs_ended", "tenant", "ended"),
    Index("ix_runs_created", "created", "id"),
    Index("ix_runs_unsettled", "settled", **_partial("settled = 0")),
)
"""The columns from ``tenant`` on are the service's: a run from the command line has no tenant.

``version`` and ``policy`` are those that were in force when it was accepted; ``origin`` is what has begun it (``api``, ``schedule/NAME`` ...), and ``depth`` how many runs stand
before it in a chain of such. ``settled`` tells that all is done that follows from its end, ``charged`` how many CPU seconds were counted for the tenant,
and ``stored`` how many bytes.
"""

RECORDS = Table(
    "records",
    METADATA,
    Column("run", String(100), ForeignKey("runs.id", ondelete="CASCADE"), primary_key=True),
    Column("path", Text, primary_key=True),
    Column("seq", BigInteger, nullable=False),
    Column("id", Text, nullable=False),
    Column("kind", String(20), nullable=False),
    Column("status", String(10), nullable=False),
    Column("code", Integer, nullable=False),
    Column("outputs", Text),
    Column("blob", String(64)),
    Column("error", Text),
    Column("started", Float),
    Column("seconds", Float, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("block", Text),
    Column("variables", Text),
    Column("cpu_seconds", Float, nullable=False),
    Index("ix_records_blob", "blob", **_partial("blob IS NOT NULL")),
    sqlite_with_rowid=False,
)

STARTS = Table(
    "starts",
    METADATA,
    Column("run", String(100), ForeignKey("runs.id", ondelete="CASCADE"), primary_key=True),
    Column("path", Text, primary_key=True),
    Column("count", Integer, nullable=False),
    Column("at", Float, nullable=False),
)

PINS = Table(
    "pins",
    METADATA,
    Column("run", String(100), ForeignKey("runs.id", ondelete="CASCADE"), primary_key=True),
    Column("name", Text, primary_key=True),
    Column("value", Text, nullable=False),
)

BLOBS = Table(
    "blobs",
    METADATA,
    Column("digest", String(64), primary_key=True),
    Column("data", LargeBinary, nullable=False),
)
