"""Runs of tenants: what the service knows of a run, its events, and what it waits for."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"

_INDEXES = {
    "ix_runs_tenant": ("tenant", "created", "id"),
    "ix_runs_status": ("tenant", "status", "created", "id"),
    "ix_runs_workflow": ("tenant", "workflow", "created", "id"),
    "ix_runs_origin": ("tenant", "origin", "status"),
    "ix_runs_concurrency": ("tenant", "concurrency", "status"),
    "ix_runs_ended": ("tenant", "ended"),
    "ix_runs_created": ("created", "id"),
}
_COLUMNS = [
    "tenant",
    "version",
    "policy",
    "origin",
    "concurrency",
    "priority",
    "depth",
    "author",
    "trace",
    "settled",
    "charged",
    "stored",
]


def upgrade() -> None:
    """Add the columns, and make the tables."""
    for column in (
        sa.Column("tenant", sa.String(63)),
        sa.Column("version", sa.Integer),
        sa.Column("policy", sa.Integer),
        sa.Column("origin", sa.String(250), nullable=False, server_default=""),
        sa.Column("concurrency", sa.String(200)),
        sa.Column("priority", sa.Integer, nullable=False, server_default="0"),
        sa.Column("depth", sa.Integer, nullable=False, server_default="0"),
        sa.Column("author", sa.String(40)),
        sa.Column("trace", sa.String(60)),
        sa.Column("settled", sa.Integer, nullable=False, server_default="1"),
        sa.Column("charged", sa.Float, nullable=False, server_default="0"),
        sa.Column("stored", sa.BigInteger, nullable=False, server_default="0"),
    ):
        op.add_column("runs", column)
    for name, columns in _INDEXES.items():
        op.create_index(name, "runs", list(columns))
    unsettled = sa.text("settled = 0")
    op.create_index(
        "ix_runs_unsettled",
        "runs",
        ["settled"],
        sqlite_where=unsettled,
        postgresql_where=unsettled,
    )
    op.create_table(
        "events",
        sa.Column("run", sa.String(100), primary_key=True),
        sa.Column("seq", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("at", sa.Float, nullable=False),
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("path", sa.Text, nullable=False),
        sa.Column("data", sa.Text, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "waits",
        sa.Column(
            "run", sa.String(100), sa.ForeignKey("runs.id", ondelete="CASCADE"), primary_key=True
        ),
        sa.Column("path", sa.Text, primary_key=True),
        sa.Column("kind", sa.String(10), nullable=False),
        sa.Column("due", sa.Float, index=True),
        sa.Column("asked", sa.Text, nullable=False),
        sa.Column("answer", sa.Text),
    )
    op.create_table(
        "paces",
        sa.Column("tenant", sa.String(63), primary_key=True),
        sa.Column("due", sa.Float, nullable=False),
    )


def downgrade() -> None:
    """Take them away."""
    op.drop_table("paces")
    op.drop_table("waits")
    op.drop_table("events")
    for name in ("ix_runs_unsettled", *_INDEXES):
        op.drop_index(name, "runs")
    for name in _COLUMNS:
        op.drop_column("runs", name)
