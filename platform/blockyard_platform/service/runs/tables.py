"""The tables of what a run tells, and of what it waits for; the run itself is a row of the journal."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Float, ForeignKey, String, Table, Text

from blockyard_platform.store.tables import METADATA

EVENTS = Table(
    "events",
    METADATA,
    Column("run", String(100), primary_key=True),
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    Column("at", Float, nullable=False),
    Column("kind", String(20), nullable=False),
    Column("path", Text, nullable=False),
    Column("data", Text, nullable=False),
    sqlite_with_rowid=False,
)
"""What happened in runs, told after the fact and in groups. No key leads to ``runs``: what comes too late must not spoil its group."""

WAITS = Table(
    "waits",
    METADATA,
    Column("run", String(100), ForeignKey("runs.id", ondelete="CASCADE"), primary_key=True),
    Column("path", Text, primary_key=True),
    Column("kind", String(10), nullable=False),
    Column("due", Float, index=True),
    Column("asked", Text, nullable=False),
    Column("answer", Text),
)
"""What a parked run waits for: a moment (``timer``), or somebody's word (``approval``), each at the node path of its stage."""

PACES = Table(
    "paces",
    METADATA,
    Column("tenant", String(63), primary_key=True),
    Column("due", Float, nullable=False),
)
"""When a tenant's next submission is due, were they evenly spaced: see ``pace``."""
