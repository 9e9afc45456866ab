"""Alembic's environment: the connection is the caller's, inside its transaction."""

from alembic import context

from blockyard_platform.service.registry.tables import TENANTS

context.configure(
    connection=context.config.attributes["connection"],
    # The journal's tables, which the registry's have joined.
    target_metadata=TENANTS.metadata,
    render_as_batch=True,
)
context.run_migrations()
