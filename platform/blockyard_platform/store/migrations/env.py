"""Alembic's environment: the connection is the caller's, inside its transaction."""

from alembic import context

from blockyard_platform.service.dispatch.tables import QUEUE
from blockyard_platform.service.registry.tables import TENANTS
from blockyard_platform.service.runs.tables import EVENTS
from blockyard_platform.store.tables import METADATA

if any(table.metadata is not METADATA for table in (QUEUE, TENANTS, EVENTS)):
    raise RuntimeError("the tables of a room have not joined those of the journal")

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=METADATA,
    render_as_batch=True,
)
context.run_migrations()
