"""What a run keeps of itself when it is taken up again, whatever becomes of its records."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Add the columns."""
    op.add_column("runs", sa.Column("again", sa.Integer, nullable=False, server_default="0"))
    op.add_column("runs", sa.Column("uses", sa.Text, nullable=False, server_default="{}"))
    op.add_column("runs", sa.Column("cpu_seconds", sa.Float, nullable=False, server_default="0"))


def downgrade() -> None:
    """Take them away."""
    for name in ("again", "uses", "cpu_seconds"):
        op.drop_column("runs", name)
