"""What the service knows besides runs: tenants, policies, workflows, tokens, and the rest of the registry."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

_TABLES = (
    "audit_head audit stored usage quotas schedules submissions secrets switches tokens "
    "workflows policies tenants"
)


def upgrade() -> None:
    """Make the tables."""
    _documents()
    _access()
    _runs()
    _counters()
    _audit()


def downgrade() -> None:
    """Take the tables away."""
    for name in _TABLES.split():
        op.drop_table(name)


def _documents() -> None:
    op.create_table(
        "tenants",
        sa.Column("name", sa.String(63), primary_key=True),
        sa.Column("display", sa.Text, nullable=False),
        sa.Column("policy_pin", sa.Integer),
        *_written(),
    )
    op.create_table(
        "policies",
        _tenant(primary_key=True),
        sa.Column("version", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("policy", sa.Text, nullable=False),
        sa.Column("note", sa.Text, nullable=False),
        *_written(),
    )
    op.create_table(
        "workflows",
        _tenant(primary_key=True),
        sa.Column("name", sa.String(100), primary_key=True),
        sa.Column("version", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("note", sa.Text, nullable=False),
        *_written(),
    )


def _access() -> None:
    op.create_table(
        "tokens",
        sa.Column("id", sa.String(16), primary_key=True),
        _tenant(index=True),
        sa.Column("label", sa.Text, nullable=False),
        sa.Column("hash", sa.String(64), nullable=False),
        sa.Column("role", sa.String(10), nullable=False),
        sa.Column("scopes", sa.Text, nullable=False),
        sa.Column("expires", sa.Float),
        sa.Column("used", sa.Float),
        sa.Column("revoked", sa.Float),
        *_written(),
    )
    op.create_table(
        "switches",
        sa.Column("owner", sa.String(63), primary_key=True),
        sa.Column("tenant", sa.String(63), primary_key=True),
        sa.Column("kind", sa.String(10), primary_key=True),
        sa.Column("name", sa.String(700), primary_key=True),
        sa.Column("reason", sa.Text, nullable=False),
        *_written(),
    )
    op.create_table(
        "secrets",
        _tenant(primary_key=True),
        sa.Column("name", sa.String(100), primary_key=True),
        sa.Column("version", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("sealed", sa.Text),
        *_written(),
    )


def _runs() -> None:
    op.create_table(
        "submissions",
        _tenant(primary_key=True),
        sa.Column("key", sa.String(200), primary_key=True),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("run", sa.String(100), nullable=False),
        sa.Column("created", sa.Float, nullable=False, index=True),
    )
    op.create_table(
        "schedules",
        _tenant(primary_key=True),
        sa.Column("name", sa.String(100), primary_key=True),
        sa.Column("workflow", sa.String(100), nullable=False),
        sa.Column("version", sa.Integer),
        sa.Column("cron", sa.String(200), nullable=False),
        sa.Column("zone", sa.String(100), nullable=False),
        sa.Column("params", sa.Text, nullable=False),
        sa.Column("missed", sa.String(20), nullable=False),
        sa.Column("overlap", sa.String(20), nullable=False),
        sa.Column("enabled", sa.Boolean, nullable=False),
        sa.Column("next_at", sa.Float, index=True),
        sa.Column("last_at", sa.Float),
        *_written(),
    )


def _counters() -> None:
    op.create_table("quotas", _tenant(primary_key=True), *_counts())
    day = sa.Column("day", sa.String(10), primary_key=True)
    op.create_table("usage", _tenant(primary_key=True), day, *_counts())
    op.create_table(
        "stored", _tenant(primary_key=True), sa.Column("bytes", sa.BigInteger, nullable=False)
    )


def _audit() -> None:
    op.create_table(
        "audit",
        sa.Column("seq", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("at", sa.String(27), nullable=False),
        sa.Column("who", sa.String(40), nullable=False),
        sa.Column("tenant", sa.String(63)),
        sa.Column("action", sa.String(40), nullable=False),
        sa.Column("object", sa.Text, nullable=False),
        sa.Column("details", sa.Text, nullable=False),
        sa.Column("previous", sa.String(64), nullable=False, unique=True),
        sa.Column("hash", sa.String(64), nullable=False),
    )
    op.create_index("ix_audit_tenant_seq", "audit", ["tenant", "seq"])
    head = op.create_table(
        "audit_head",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("seq", sa.BigInteger, nullable=False),
        sa.Column("hash", sa.String(64), nullable=False),
    )
    op.bulk_insert(head, [{"id": 1, "seq": 0, "hash": "0" * 64}])


def _tenant(**more: Any) -> sa.Column[str]:
    return sa.Column("tenant", sa.String(63), sa.ForeignKey("tenants.name"), **more)


def _written() -> tuple[sa.Column[Any], ...]:
    return (
        sa.Column("author", sa.String(40), nullable=False),
        sa.Column("created", sa.Float, nullable=False),
    )


def _counts() -> tuple[sa.Column[Any], ...]:
    return (
        sa.Column("runs", sa.BigInteger, nullable=False),
        sa.Column("cpu_seconds", sa.Float, nullable=False),
        sa.Column("stored_bytes", sa.BigInteger, nullable=False),
    )
