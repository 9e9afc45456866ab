"""A tenant's stored workflows, as admission asks for what a document triggers: the newest version of each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from blockyard_platform.loading import load_document
from blockyard_platform.service.registry import workflows
from blockyard_platform.service.registry.errors import NotFoundError
from blockyard_platform.service.registry.paging import MOST, Ask
from blockyard_platform.store.taking import documents_of
from blockyard_platform.workflows import Kept

if TYPE_CHECKING:
    from collections.abc import Mapping

    from blockyard_platform.service.registry.callers import Caller
    from blockyard_platform.service.registry.database import Database
    from blockyard_platform.workflows import Workflows
    from blockyard_schemas.reader import Source


def kept_workflows(database: Database, run_id: str, others: Workflows) -> Workflows:
    """Return what a run triggers: as it was when the run began, if it has."""

    def read() -> Mapping[str, Any]:
        with database.reading() as work:
            return documents_of(work.connection, run_id)

    return Kept(read, others)


class StoredWorkflows:
    """The workflows of one tenant; each question is a short transaction of its own."""

    def __init__(self, database: Database, caller: Caller, tenant: str) -> None:
        """Look at nothing yet."""
        self._database = database
        self._caller = caller
        self._tenant = tenant

    def find(self, name: str, most: int) -> Source | None:
        """Return the newest version of a workflow. Raises InvalidDocumentError when it is too long."""
        try:
            with self._database.reading() as work:
                found = workflows.read(work, self._caller, self._tenant, name)
        except NotFoundError:
            return None
        # As bytes: a text that looks like a path would be read from the platform's own disk.
        return load_document(found.text.encode(), most)

    def names(self) -> list[str]:
        """Return the first names, for messages."""
        with self._database.reading() as work:
            found = workflows.page(work, self._caller, self._tenant, Ask(None, MOST))
        return [each.name for each in found.items]
