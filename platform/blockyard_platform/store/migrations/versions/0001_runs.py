"""Runs, their records, the effects that were begun, and large outputs."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "runs",
        sa.Column("id", sa.String(100), primary_key=True),
        sa.Column("workflow", sa.Text, nullable=False),
        sa.Column("document", sa.Text, nullable=False),
        sa.Column("params", sa.Text, nullable=False),
        sa.Column("fingerprint", sa.String(64), nullable=False),
        sa.Column("status", sa.String(10), nullable=False),
        sa.Column("epoch", sa.Integer, nullable=False),
        sa.Column("created", sa.Float, nullable=False),
        sa.Column("ended", sa.Float),
        sa.Column("result", sa.Text),
    )
    op.create_table(
        "records",
        _run(),
        sa.Column("path", sa.Text, primary_key=True),
        sa.Column("seq", sa.BigInteger, nullable=False),
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("status", sa.String(10), nullable=False),
        sa.Column("code", sa.Integer, nullable=False),
        sa.Column("outputs", sa.Text),
        sa.Column("blob", sa.String(64)),
        sa.Column("error", sa.Text),
        sa.Column("started", sa.Float),
        sa.Column("seconds", sa.Float, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("block", sa.Text),
        sa.Column("variables", sa.Text),
        sa.Column("cpu_seconds", sa.Float, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "starts",
        _run(),
        sa.Column("path", sa.Text, primary_key=True),
        sa.Column("count", sa.Integer, nullable=False),
        sa.Column("at", sa.Float, nullable=False),
    )
    op.create_table(
        "blobs",
        sa.Column("digest", sa.String(64), primary_key=True),
        sa.Column("data", sa.LargeBinary, nullable=False),
    )


def downgrade() -> None:
    """Take the tables away."""
    for name in ("blobs", "starts", "records", "runs"):
        op.drop_table(name)


def _run() -> sa.Column[str]:
    return sa.Column(
        "run", sa.String(100), sa.ForeignKey("runs.id", ondelete="CASCADE"), primary_key=True
    )
