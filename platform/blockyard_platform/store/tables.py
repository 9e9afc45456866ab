"""The tables, as SQLAlchemy Core knows them; ``migrations`` makes them.

Outputs of up to INLINE_BYTES of JSON stand in the record, larger ones once in ``blobs`` by their digest.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    Float,
    ForeignKey,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
)

INLINE_BYTES = 4096
HEAD = "0004"
"""The newest migration: what a database must be at."""

METADATA = MetaData()

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
)

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
