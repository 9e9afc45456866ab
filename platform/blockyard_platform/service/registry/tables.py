"""The registry's tables, beside the journal's; ``migrations`` makes them. Times are seconds since 1970."""

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
    text,
)

from blockyard_platform.store.tables import METADATA


def _tenant(**more: Any) -> Column[str]:
    return Column("tenant", String(63), ForeignKey("tenants.name"), **more)


def _written() -> tuple[Column[Any], ...]:
    """Return the columns that say by whom and when a row was written."""
    return (
        Column("author", String(40), nullable=False),
        Column("created", Float, nullable=False),
    )


TENANTS = Table(
    "tenants",
    METADATA,
    Column("name", String(63), primary_key=True),
    Column("display", Text, nullable=False),
    Column("policy_pin", Integer),
    *_written(),
)

POLICIES = Table(
    "policies",
    METADATA,
    _tenant(primary_key=True),
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("text", Text, nullable=False),
    Column("policy", Text, nullable=False),
    Column("note", Text, nullable=False),
    *_written(),
)

WORKFLOWS = Table(
    "workflows",
    METADATA,
    _tenant(primary_key=True),
    Column("name", String(100), primary_key=True),
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("text", Text, nullable=False),
    Column("digest", String(64), nullable=False),
    Column("note", Text, nullable=False),
    *_written(),
)

TOKENS = Table(
    "tokens",
    METADATA,
    Column("id", String(16), primary_key=True),
    _tenant(index=True),
    Column("label", Text, nullable=False),
    Column("hash", String(64), nullable=False),
    Column("role", String(10), nullable=False),
    Column("scopes", Text, nullable=False),
    Column("expires", Float),
    Column("used", Float),
    Column("revoked", Float),
    *_written(),
)

SWITCHES = Table(
    "switches",
    METADATA,
    Column("owner", String(63), primary_key=True),
    Column("tenant", String(63), primary_key=True),
    Column("kind", String(10), primary_key=True),
    Column("name", String(700), primary_key=True),
    Column("reason", Text, nullable=False),
    *_written(),
)
"""``owner`` is who has set it, and ``tenant`` whom it stops; "" is the platform, and all tenants."""

SECRETS = Table(
    "secrets",
    METADATA,
    _tenant(primary_key=True),
    Column("name", String(100), primary_key=True),
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("sealed", Text),
    *_written(),
)
"""A version without a sealed text says that the secret was deleted: no number is given twice."""

SUBMISSIONS = Table(
    "submissions",
    METADATA,
    _tenant(primary_key=True),
    Column("key", String(200), primary_key=True),
    Column("digest", String(64), nullable=False),
    Column("run", String(100), nullable=False),
    Column("created", Float, nullable=False, index=True),
)

SCHEDULES = Table(
    "schedules",
    METADATA,
    _tenant(primary_key=True),
    Column("name", String(100), primary_key=True),
    Column("workflow", String(100), nullable=False),
    Column("version", Integer),
    Column("cron", String(200), nullable=False),
    Column("zone", String(100), nullable=False),
    Column("params", Text, nullable=False),
    Column("missed", String(20), nullable=False),
    Column("overlap", String(20), nullable=False),
    Column("enabled", Boolean, nullable=False),
    Column("next_at", Float, index=True),
    Column("last_at", Float),
    *_written(),
    Column("source", String(100)),
    Column("problem", Text),
)

QUOTAS = Table(
    "quotas",
    METADATA,
    _tenant(primary_key=True),
    Column("runs", BigInteger, nullable=False),
    Column("cpu_seconds", Float, nullable=False),
    Column("stored_bytes", BigInteger, nullable=False),
)

USAGE = Table(
    "usage",
    METADATA,
    _tenant(primary_key=True),
    Column("day", String(10), primary_key=True),
    Column("runs", BigInteger, nullable=False),
    Column("cpu_seconds", Float, nullable=False),
    Column("stored_bytes", BigInteger, nullable=False),
)
"""``stored_bytes`` is what the day has added, or taken away; ``stored`` has the sum of all days."""

STORED = Table(
    "stored",
    METADATA,
    _tenant(primary_key=True),
    Column("bytes", BigInteger, nullable=False),
)

KEYS = Table(
    "tenant_keys",
    METADATA,
    _tenant(primary_key=True),
    # In the order of bytes, as a file has them.
    Column(
        "key",
        String(255).with_variant(String(255, collation="C"), "postgresql"),
        primary_key=True,
    ),
    Column("value", Text, nullable=False),
    Column("bytes", Integer, nullable=False),
    Column("expires", Float),
    Index(
        "ix_tenant_keys_expires",
        "tenant",
        "expires",
        sqlite_where=text("expires IS NOT NULL"),
        postgresql_where=text("expires IS NOT NULL"),
    ),
)

KEY_SIZES = Table(
    "tenant_key_sizes",
    METADATA,
    _tenant(primary_key=True),
    Column("bytes", BigInteger, nullable=False),
)
"""The bytes of all keys of a tenant. Whoever changes one holds it locked."""

AUDIT = Table(
    "audit",
    METADATA,
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    Column("at", String(27), nullable=False),
    Column("who", String(40), nullable=False),
    Column("tenant", String(63)),
    Column("action", String(40), nullable=False),
    Column("object", Text, nullable=False),
    Column("details", Text, nullable=False),
    Column("previous", String(64), nullable=False, unique=True),
    Column("hash", String(64), nullable=False),
    Index("ix_audit_tenant_seq", "tenant", "seq"),
)
"""``previous`` is unique: the chain cannot fork, whatever becomes of the lock."""

AUDIT_HEAD = Table(
    "audit_head",
    METADATA,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("seq", BigInteger, nullable=False),
    Column("hash", String(64), nullable=False),
)
"""One row: the end of the chain. Whoever appends holds it locked."""
