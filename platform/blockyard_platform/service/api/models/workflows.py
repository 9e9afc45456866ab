"""Workflows, and what admission says of documents."""

from __future__ import annotations

from typing import Any, Literal

from blockyard_platform.service.api.models.base import At, Out
from blockyard_platform.service.api.models.problems import FindingOut


class WorkflowVersionOut(Out):
    """A version of a workflow. ``digest`` is the SHA-256 of what its text says, however it is laid out."""

    tenant: str
    name: str
    version: int
    digest: str
    note: str
    author: str
    created: At


class WorkflowOut(WorkflowVersionOut):
    """A version of a workflow with its text as it was given."""

    text: str


class ValidationOut(Out):
    """Whether a document could be run now, and everything that stands against it."""

    valid: bool
    policy_version: int
    """The version of the policy that is in force."""
    problems: list[FindingOut]


class PlanOut(ValidationOut):
    """Whether a document could be run, its stages, and what a run may use of each limit."""

    plan: dict[str, Any] | None


class BlockOut(Out):
    """A block that a tenant may use, with the JSON Schemas of its parameters and its result."""

    name: str
    version: str | None
    tags: list[str]
    limit: int | None
    """How often one run may use it; null is without limit."""
    runs: Literal["guest", "host"]
    doc: str
    deprecated: str | None
    parameters: dict[str, Any]
    result: dict[str, Any]
