"""Workflows: each tenant's documents in versions, admitted before they are stored."""

from __future__ import annotations

from typing import Annotated

from fastapi import Query
from starlette.responses import Response

from blockyard_platform.service.api.depends import (
    By,
    Here,
    Name,
    Note,
    Paging,
    Tenant,
    Text,
    Version,
)
from blockyard_platform.service.api.models.base import Paged, paged
from blockyard_platform.service.api.models.policies import DiffOut
from blockyard_platform.service.api.models.workflows import WorkflowOut, WorkflowVersionOut
from blockyard_platform.service.api.problems import RefusedRequestError
from blockyard_platform.service.api.routing import V1, Guarded
from blockyard_platform.service.registry import workflows
from blockyard_platform.service.registry.callers import Action, Caller
from blockyard_platform.service.registry.database import Reading
from blockyard_platform.service.registry.errors import NotFoundError
from blockyard_platform.service.scheduler.syncing import sync
from blockyard_platform.triggers.reading import Triggers

To = Annotated[int, Query(description="The other version.")]


def put_workflow(
    parts: Here,
    caller: By,
    tenant: Tenant,
    name: Name,
    text: Text,
    response: Response,
    note: Note = "",
) -> WorkflowOut:
    """Store a document, in YAML or JSON, as the newest version of a workflow; the text of the newest again adds none."""
    action = Action.WORKFLOWS_WRITE
    admitted = parts.admitting.admit(caller, tenant, text, action, stops=False)
    if admitted.problems:
        raise RefusedRequestError(
            422,
            f"the tenant's policy (version {admitted.rules.version}) does not admit the document",
            rule="not-admitted",
            problems=admitted.problems,
        )
    with parts.database.writing() as work:
        before = _newest(work, tenant, name)
        found = workflows.put(work, caller, tenant, name, text, note)
        triggers = None if admitted.plan is None else admitted.plan.triggers
        sync(work, caller, tenant, name, triggers or Triggers())
    if found.version > before:
        response.status_code = 201
    return WorkflowOut.of(found)


def list_workflows(
    parts: Here, caller: By, tenant: Tenant, ask: Paging
) -> Paged[WorkflowVersionOut]:
    """List the newest version of each workflow, by name."""
    with parts.database.reading() as work:
        return paged(workflows.page(work, caller, tenant, ask), WorkflowVersionOut.of)


def get_workflow(parts: Here, caller: By, tenant: Tenant, name: Name) -> WorkflowOut:
    """Look at the newest version of a workflow."""
    with parts.database.reading() as work:
        return WorkflowOut.of(workflows.read(work, caller, tenant, name))


def list_workflow_versions(
    parts: Here, caller: By, tenant: Tenant, name: Name, ask: Paging
) -> Paged[WorkflowVersionOut]:
    """List the versions of a workflow, the newest first."""
    with parts.database.reading() as work:
        return paged(workflows.versions(work, caller, tenant, name, ask), WorkflowVersionOut.of)


def get_workflow_version(
    parts: Here, caller: By, tenant: Tenant, name: Name, version: Version
) -> WorkflowOut:
    """Look at a version of a workflow."""
    with parts.database.reading() as work:
        return WorkflowOut.of(workflows.read(work, caller, tenant, name, version))


def diff_workflows(
    parts: Here, caller: By, tenant: Tenant, name: Name, version: Version, to: To
) -> DiffOut:
    """Say what another version of a workflow has otherwise."""
    with parts.database.reading() as work:
        return DiffOut(diff=workflows.diff(work, caller, tenant, name, version, to))


def _newest(work: Reading, tenant: str, name: str) -> int:
    try:
        return workflows.read(work, Caller.service(tenant), tenant, name).version
    except NotFoundError:
        return 0


_ALL = f"{V1}/tenants/{{tenant}}/workflows"
_ONE = f"{_ALL}/{{name}}"
_VERSION = f"{_ONE}/versions/{{version}}"
_CREATED = {201: {"model": WorkflowOut, "description": "It is a new version"}}


def routes() -> tuple[Guarded, ...]:
    """Return the routes of this subject."""
    return (
        Guarded(
            "GET", _ALL, list_workflows, Action.WORKFLOWS_READ, gives=Paged[WorkflowVersionOut]
        ),
        Guarded(
            "PUT",
            _ONE,
            put_workflow,
            Action.WORKFLOWS_WRITE,
            gives=WorkflowOut,
            document=True,
            responses=_CREATED,
        ),
        Guarded("GET", _ONE, get_workflow, Action.WORKFLOWS_READ, gives=WorkflowOut),
        Guarded(
            "GET",
            f"{_ONE}/versions",
            list_workflow_versions,
            Action.WORKFLOWS_READ,
            gives=Paged[WorkflowVersionOut],
        ),
        Guarded("GET", _VERSION, get_workflow_version, Action.WORKFLOWS_READ, gives=WorkflowOut),
        Guarded("GET", f"{_VERSION}/diff", diff_workflows, Action.WORKFLOWS_READ, gives=DiffOut),
    )
