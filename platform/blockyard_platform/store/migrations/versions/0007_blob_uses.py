"""Which records use a blob, found without reading all of them: a purge asks."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Make the index."""
    used = sa.text("blob IS NOT NULL")
    op.create_index(
        "ix_records_blob", "records", ["blob"], sqlite_where=used, postgresql_where=used
    )


def downgrade() -> None:
    """Take it away."""
    op.drop_index("ix_records_blob", "records")
