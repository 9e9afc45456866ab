"""What starts runs by itself, concurrency groups, and webhooks in and out."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"

_TABLES = "outgoing subscriptions horizons deliveries group_runs orders followers hooks"  # the newest first


def upgrade() -> None:
    """Make the tables, and the columns of schedules."""
    op.add_column("schedules", sa.Column("source", sa.String(100)))
    op.add_column("schedules", sa.Column("problem", sa.Text))
    _starts()
    _orders()
    _groups()
    _incoming()
    _outgoing()


def downgrade() -> None:
    """Take them away."""
    for name in _TABLES.split():
        op.drop_table(name)
    op.drop_column("schedules", "problem")
    op.drop_column("schedules", "source")


def _starts() -> None:
    op.create_table(
        "hooks",
        _tenant(primary_key=True),
        sa.Column("path", sa.String(260), primary_key=True),
        sa.Column("workflow", sa.String(100), nullable=False),
        sa.Column("spec", sa.Text, nullable=False),
    )
    op.create_table(
        "followers",
        _tenant(primary_key=True),
        sa.Column("workflow", sa.String(200), primary_key=True),
        sa.Column("follower", sa.String(100), primary_key=True),
        sa.Column("when", sa.String(10), nullable=False),
        sa.Column("params", sa.Text, nullable=False),
    )


def _orders() -> None:
    op.create_table(
        "orders",
        _tenant(primary_key=True),
        sa.Column("key", sa.String(200), primary_key=True),
        sa.Column("workflow", sa.String(100), nullable=False),
        sa.Column("version", sa.Integer),
        sa.Column("params", sa.Text, nullable=False),
        sa.Column("origin", sa.String(300), nullable=False),
        sa.Column("schedule", sa.String(100)),
        sa.Column("overlap", sa.String(10), nullable=False),
        sa.Column("depth", sa.Integer, nullable=False),
        sa.Column("at", sa.Float, nullable=False),
        sa.Column("due", sa.Float, nullable=False),
        sa.Column("lease", sa.Float, nullable=False),
        sa.Column("tries", sa.Integer, nullable=False),
        sa.Column("problem", sa.Text),
    )
    op.create_index("ix_orders_problem_due", "orders", ["problem", "due"])
    op.create_index("ix_orders_tenant_schedule", "orders", ["tenant", "schedule", "at"])


def _groups() -> None:
    op.create_table(
        "group_runs",
        sa.Column("seq", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True),
        _tenant(nullable=False),
        sa.Column("key", sa.String(200), nullable=False),
        sa.Column("run", sa.String(100), nullable=False, unique=True),
        sa.Column("most", sa.Integer, nullable=False),
        sa.Column("held", sa.Boolean, nullable=False),
    )
    op.create_index("ix_group_runs_tenant_key", "group_runs", ["tenant", "key", "seq"])


def _incoming() -> None:
    op.create_table(
        "deliveries",
        _tenant(primary_key=True),
        sa.Column("key", sa.String(64), primary_key=True),
        sa.Column("until", sa.Float, nullable=False),
        sa.Column("run", sa.String(100)),
    )
    op.create_index("ix_deliveries_tenant_until", "deliveries", ["tenant", "until"])
    op.create_table(
        "horizons", _tenant(primary_key=True), sa.Column("at", sa.Float, nullable=False)
    )


def _outgoing() -> None:
    op.create_table(
        "subscriptions",
        _tenant(primary_key=True),
        sa.Column("name", sa.String(100), primary_key=True),
        sa.Column("url", sa.Text, nullable=False),
        sa.Column("events", sa.String(200), nullable=False),
        sa.Column("secret", sa.String(100), nullable=False),
        sa.Column("enabled", sa.Boolean, nullable=False),
        sa.Column("problem", sa.Text),
        sa.Column("author", sa.String(40), nullable=False),
        sa.Column("created", sa.Float, nullable=False),
    )
    op.create_table(
        "outgoing",
        sa.Column("id", sa.String(32), primary_key=True),
        _tenant(nullable=False),
        sa.Column("subscription", sa.String(100), nullable=False),
        sa.Column("event", sa.String(40), nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.Column("made", sa.Float, nullable=False),
        sa.Column("due", sa.Float),
        sa.Column("lease", sa.Float, nullable=False),
        sa.Column("tries", sa.Integer, nullable=False),
        sa.Column("first", sa.Float),
        sa.Column("status", sa.Integer),
        sa.Column("problem", sa.Text),
    )
    op.create_index("ix_outgoing_due", "outgoing", ["due"])
    op.create_index("ix_outgoing_tenant_made", "outgoing", ["tenant", "made", "id"])


def _tenant(**more: Any) -> sa.Column[str]:
    return sa.Column("tenant", sa.String(63), sa.ForeignKey("tenants.name"), **more)
