"""Dispatch: runs in their order, and workers with their leases."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Make the tables."""
    number = sa.BigInteger().with_variant(sa.Integer, "sqlite")
    op.create_table(
        "queue",
        sa.Column("seq", number, primary_key=True, autoincrement=True),
        sa.Column("run", sa.String(100), nullable=False, unique=True),
        sa.Column("tenant", sa.String(100), nullable=False),
        sa.Column("state", sa.String(10), nullable=False),
        sa.Column("rank", sa.Integer, nullable=False),
        sa.Column("worker", sa.String(100)),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("failures", sa.Integer, nullable=False),
        sa.Column("cancel", sa.Integer, nullable=False),
        sa.Column("again", sa.Integer, nullable=False),
        sa.Column("submitted", sa.Float, nullable=False),
        sa.Column("due", sa.Float),
        sa.Column("ended", sa.Float),
        sqlite_autoincrement=True,
    )
    op.create_index("queue_order", "queue", ["state", "tenant", "rank", "seq"])
    op.create_index("queue_worker", "queue", ["worker"])
    ended = sa.text("ended IS NOT NULL")
    op.create_index("queue_ended", "queue", ["ended"], sqlite_where=ended, postgresql_where=ended)
    op.create_table(
        "workers",
        sa.Column("id", sa.String(100), primary_key=True),
        sa.Column("place", sa.Text, nullable=False),
        sa.Column("slots", sa.Integer, nullable=False),
        sa.Column("beat", sa.BigInteger, nullable=False),
        sa.Column("seen", sa.Float, nullable=False),
    )


def downgrade() -> None:
    """Take the tables away."""
    op.drop_table("workers")
    op.drop_table("queue")
