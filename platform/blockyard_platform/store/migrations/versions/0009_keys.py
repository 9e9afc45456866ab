"""The keys of tenants, where workers on several machines share them."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """Make the tables."""
    key = sa.String(255).with_variant(sa.String(255, collation="C"), "postgresql")
    op.create_table(
        "tenant_keys",
        sa.Column("tenant", sa.String(63), sa.ForeignKey("tenants.name"), primary_key=True),
        sa.Column("key", key, primary_key=True),
        sa.Column("value", sa.Text, nullable=False),
        sa.Column("bytes", sa.Integer, nullable=False),
        sa.Column("expires", sa.Float),
    )
    limited = sa.text("expires IS NOT NULL")
    op.create_index(
        "ix_tenant_keys_expires",
        "tenant_keys",
        ["tenant", "expires"],
        sqlite_where=limited,
        postgresql_where=limited,
    )
    op.create_table(
        "tenant_key_sizes",
        sa.Column("tenant", sa.String(63), sa.ForeignKey("tenants.name"), primary_key=True),
        sa.Column("bytes", sa.BigInteger, nullable=False),
    )


def downgrade() -> None:
    """Take them away."""
    op.drop_table("tenant_key_sizes")
    op.drop_table("tenant_keys")
