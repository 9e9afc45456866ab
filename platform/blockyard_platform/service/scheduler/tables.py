"""The scheduler's tables, beside the registry's; ``migrations`` makes them. Times are seconds since 1970."""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    String,
    Table,
    Text,
)

from blockyard_platform.store.tables import METADATA

TOPIC = "starts"
"""The topic of signals that say that the ticker or the sender has something to do."""


def _tenant(**more: Any) -> Column[str]:
    return Column("tenant", String(63), ForeignKey("tenants.name"), **more)


HOOKS = Table(
    "hooks",
    METADATA,
    _tenant(primary_key=True),
    Column("path", String(260), primary_key=True),
    Column("workflow", String(100), nullable=False),
    Column("spec", Text, nullable=False),
)
"""Webhooks that come in: ``spec`` is what the newest version of the workflow says of it, as JSON."""

FOLLOWERS = Table(
    "followers",
    METADATA,
    _tenant(primary_key=True),
    Column("workflow", String(200), primary_key=True),
    Column("follower", String(100), primary_key=True),
    Column("when", String(10), nullable=False),
    Column("params", Text, nullable=False),
)
"""Which workflow starts after which."""

ORDERS = Table(
    "orders",
    METADATA,
    _tenant(primary_key=True),
    Column("key", String(200), primary_key=True),
    Column("workflow", String(100), nullable=False),
    Column("version", Integer),
    Column("params", Text, nullable=False),
    Column("origin", String(300), nullable=False),
    Column("schedule", String(100)),
    Column("overlap", String(10), nullable=False),
    Column("depth", Integer, nullable=False),
    Column("at", Float, nullable=False),
    Column("due", Float, nullable=False),
    Column("lease", Float, nullable=False),
    Column("tries", Integer, nullable=False),
    Column("problem", Text),
    Index("ix_orders_problem_due", "problem", "due"),
    Index("ix_orders_tenant_schedule", "tenant", "schedule", "at"),
)
"""Runs that are to be submitted, each once: a row goes when that is done. With a ``problem`` it never will be, and stays to be seen."""

GROUP_RUNS = Table(
    "group_runs",
    METADATA,
    Column("seq", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
    _tenant(nullable=False),
    Column("key", String(200), nullable=False),
    Column("run", String(100), nullable=False, unique=True),
    Column("most", Integer, nullable=False),
    Column("held", Boolean, nullable=False),
    Index("ix_group_runs_tenant_key", "tenant", "key", "seq"),
)
"""Runs of concurrency groups that have not ended: those that may run, and those that are ``held``, in the order of ``seq``."""

DELIVERIES = Table(
    "deliveries",
    METADATA,
    _tenant(primary_key=True),
    Column("key", String(64), primary_key=True),
    Column("until", Float, nullable=False),
    Column("run", String(100)),
    Index("ix_deliveries_tenant_until", "tenant", "until"),
)
"""Requests that came in and could be sent again ``until`` then; without a run, nothing has come of it yet."""

HORIZONS = Table(
    "horizons",
    METADATA,
    _tenant(primary_key=True),
    Column("at", Float, nullable=False),
)
"""Up to when a tenant's deliveries are forgotten: should the clock be put back, what is older counts as seen."""

SUBSCRIPTIONS = Table(
    "subscriptions",
    METADATA,
    _tenant(primary_key=True),
    Column("name", String(100), primary_key=True),
    Column("url", Text, nullable=False),
    Column("events", String(200), nullable=False),
    Column("secret", String(100), nullable=False),
    Column("enabled", Boolean, nullable=False),
    Column("problem", Text),
    Column("author", String(40), nullable=False),
    Column("created", Float, nullable=False),
)
"""Who is told of what, by webhooks that go out. ``events`` are joined by commas."""

OUTGOING = Table(
    "outgoing",
    METADATA,
    Column("id", String(32), primary_key=True),
    _tenant(nullable=False),
    Column("subscription", String(100), nullable=False),
    Column("event", String(40), nullable=False),
    Column("body", Text, nullable=False),
    Column("made", Float, nullable=False),
    Column("due", Float),
    Column("lease", Float, nullable=False),
    Column("tries", Integer, nullable=False),
    Column("first", Float),
    Column("status", Integer),
    Column("problem", Text),
    Index("ix_outgoing_due", "due"),
    Index("ix_outgoing_tenant_made", "tenant", "made", "id"),
)
"""Webhooks to send: a row goes when it has arrived. Without ``due`` it is dead, and stays to be seen."""
