"""Alembic's environment: the connection is the caller's, inside its transaction."""

from alembic import context

from blockyard_platform.store.tables import METADATA

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=METADATA,
    render_as_batch=True,
)
context.run_migrations()
