"""Workflows: each tenant's documents in versions."""

from __future__ import annotations

from blockyard_platform.client.binding import operation, series
from blockyard_platform.client.calls import Call, get, model, send_text
from blockyard_platform.client.effects import Stream
from blockyard_platform.client.flows import pages
from blockyard_platform.client.place import Placed
from blockyard_platform.service.api.models.base import Paged
from blockyard_platform.service.api.models.policies import DiffOut
from blockyard_platform.service.api.models.workflows import WorkflowOut, WorkflowVersionOut

_KIND = "workflow"


class WorkflowOperations(Placed):
    """What can be asked of workflows."""

    @operation
    def put_workflow(
        self, name: str, text: str, *, note: str | None = None, tenant: str | None = None
    ) -> Call[WorkflowOut]:
        """Store a document, in YAML or JSON, as the newest version; the text of the newest again adds none."""
        url = self.place.of(tenant, "workflows", (_KIND, name))
        return send_text("PUT", url, model(WorkflowOut), text, {"note": note})

    @series
    def list_workflows(
        self, tenant: str | None = None, *, limit: int | None = None
    ) -> Stream[WorkflowVersionOut]:
        """Yield the newest version of each workflow, by name."""
        url = self.place.of(tenant, "workflows")
        return pages(get(url, model(Paged[WorkflowVersionOut]), {"limit": limit}), self.place.retry)

    @operation
    def get_workflow(self, name: str, *, tenant: str | None = None) -> Call[WorkflowOut]:
        """Look at the newest version of a workflow."""
        return get(self.place.of(tenant, "workflows", (_KIND, name)), model(WorkflowOut))

    @series
    def list_workflow_versions(
        self, name: str, *, tenant: str | None = None, limit: int | None = None
    ) -> Stream[WorkflowVersionOut]:
        """Yield the versions of a workflow, the newest first."""
        url = self.place.of(tenant, "workflows", (_KIND, name), "versions")
        return pages(get(url, model(Paged[WorkflowVersionOut]), {"limit": limit}), self.place.retry)

    @operation
    def get_workflow_version(
        self, name: str, version: int, *, tenant: str | None = None
    ) -> Call[WorkflowOut]:
        """Look at a version of a workflow."""
        url = self.place.of(tenant, "workflows", (_KIND, name), "versions", version)
        return get(url, model(WorkflowOut))

    @operation
    def diff_workflows(
        self, name: str, version: int, to: int, *, tenant: str | None = None
    ) -> Call[DiffOut]:
        """Return what another version of a workflow has otherwise."""
        url = self.place.of(tenant, "workflows", (_KIND, name), "versions", version, "diff")
        return get(url, model(DiffOut), {"to": to})
