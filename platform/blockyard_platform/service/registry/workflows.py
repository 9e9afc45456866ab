"""Workflows: each tenant's documents, by name, in versions that never change. The newest is the one that runs.

What is stored is well formed; whether a policy admits it is for admission to say, before it is stored and before it is run.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from blockyard_platform.service.registry import usage
from blockyard_platform.service.registry.access import Scope, enter
from blockyard_platform.service.registry.callers import Action, Caller
from blockyard_platform.service.registry.differences import difference
from blockyard_platform.service.registry.errors import InvalidError, NotFoundError
from blockyard_platform.service.registry.names import checked, known, numbered, text
from blockyard_platform.service.registry.paging import FIRST, Ask, Order, Page, fetch
from blockyard_platform.service.registry.tables import WORKFLOWS
from blockyard_schemas.plain import is_mapping
from blockyard_schemas.reader import ReadLimits
from blockyard_schemas.reader import read as read_document

if TYPE_CHECKING:
    from blockyard_platform.service.registry.database import Reading, Writing

MOST = 10_000
"""Versions of all workflows that one tenant can have."""

_LIMITS = ReadLimits()
_NAMES = Order("workflows", (WORKFLOWS.c.name,))
_VERSIONS = Order("workflow-versions", (WORKFLOWS.c.version,), latest_first=True)
_TEXTS = Order("workflow-texts", (WORKFLOWS.c.name, WORKFLOWS.c.version))
_LIGHT = ("tenant", "name", "version", "digest", "note", "author", "created")


@dataclass(frozen=True, slots=True)
class WorkflowVersion:
    """A version of a workflow, without its text. ``digest`` is the SHA-256 of what the text says, however it is laid out."""

    tenant: str
    name: str
    version: int
    digest: str
    note: str
    author: str
    created: float


@dataclass(frozen=True, slots=True)
class StoredWorkflow(WorkflowVersion):
    """A version of a workflow with its ``text`` as it was given."""

    text: str

    def document(self) -> dict[str, Any]:
        """Return what the text says, as plain data."""
        found: dict[str, Any] = read_document(self.text, limits=_LIMITS).data
        return found


def put(
    work: Writing, caller: Caller, tenant: str, name: str, given: str, note: str = ""
) -> StoredWorkflow:
    """Add a version; the very text of the newest one again adds none. Its bytes count as stored by the tenant.

    Raises NotFoundError, InvalidError, InvalidDocumentError, QuotaError.
    """
    scope = enter(work, caller, Action.WORKFLOWS_WRITE, tenant)
    checked("workflow", name)
    digest = digest_of(given)
    scope.lock(work)
    newest = _newest(work, scope, name)
    if newest and (found := _read(work, scope, name, newest)).text == given:
        return found
    scope.limit(work, WORKFLOWS, MOST, "versions of workflows")
    row = {
        "name": name,
        "version": newest + 1,
        "text": given,
        "digest": digest,
        "note": text("note", note),
        "author": caller.who,
        "created": work.now,
    }
    usage.store_bytes(work, Caller.service(tenant), tenant, len(given.encode()))
    work.change(scope.insert(work, WORKFLOWS, **row))
    thing = f"workflow/{name}/{newest + 1}"
    work.note(caller, tenant, "workflows.put", thing, digest=digest, note=note)
    return _read(work, scope, name, newest + 1)


def read(
    work: Reading, caller: Caller, tenant: str, name: str, version: int | None = None
) -> StoredWorkflow:
    """Return a version, or the newest. Raises NotFoundError."""
    scope = enter(work, caller, Action.WORKFLOWS_READ, tenant)
    known("workflow", name)
    if version is None:
        version = _newest(work, scope, name)
        if not version:
            raise NotFoundError("workflow", name)
    return _read(work, scope, name, numbered("workflow", version))


def page(
    work: Reading,
    caller: Caller,
    tenant: str,
    ask: Ask = FIRST,
) -> Page[WorkflowVersion]:
    """Return the newest version of each of a tenant's workflows, by name."""
    scope = enter(work, caller, Action.WORKFLOWS_READ, tenant)
    wanted = _light(scope).where(_is_newest())
    return fetch(work, wanted, _NAMES, ask, lambda it: WorkflowVersion(*it))


def texts(
    work: Reading, caller: Caller, tenant: str, ask: Ask = FIRST, *, newest: bool = True
) -> Page[StoredWorkflow]:
    """Return the newest version of each of a tenant's workflows, or all versions, with their texts: ask for few at once."""
    scope = enter(work, caller, Action.WORKFLOWS_READ, tenant)
    wanted = scope.select(WORKFLOWS, *(WORKFLOWS.c[it] for it in (*_LIGHT, "text")))
    wanted = wanted.where(_is_newest()) if newest else wanted
    return fetch(work, wanted, _TEXTS, ask, lambda it: StoredWorkflow(*it))


def versions(
    work: Reading,
    caller: Caller,
    tenant: str,
    name: str,
    ask: Ask = FIRST,
) -> Page[WorkflowVersion]:
    """Return the versions of a workflow, the newest first. Raises NotFoundError."""
    scope = enter(work, caller, Action.WORKFLOWS_READ, tenant)
    if not _newest(work, scope, known("workflow", name)):
        raise NotFoundError("workflow", name)
    wanted = _light(scope).where(WORKFLOWS.c.name == name)
    return fetch(work, wanted, _VERSIONS, ask, lambda it: WorkflowVersion(*it))


def diff(work: Reading, caller: Caller, tenant: str, name: str, a: int, b: int) -> str:
    """Return what version ``b`` has otherwise than ``a``, as a unified diff of both in one layout. Raises NotFoundError."""
    from blockyard_platform.convert.writing import to_yaml

    old, new = (read(work, caller, tenant, name, version) for version in (a, b))
    texts = [to_yaml(each.document()) for each in (old, new)]
    return difference(texts[0], texts[1], f"{name}@{a}", f"{name}@{b}")


def digest_of(given: str) -> str:
    """Return the SHA-256 of a document's data. The order of keys counts, as it does for jobs. Raises InvalidDocumentError."""
    data = read_document(given, limits=_LIMITS).data
    if not is_mapping(data):
        raise InvalidError("a workflow is a mapping", "begin with `name:` and `stages:`")
    return hashlib.sha256(json.dumps(data, separators=(",", ":")).encode("ascii")).hexdigest()


def _is_newest() -> sa.ColumnElement[bool]:
    later = WORKFLOWS.alias()
    return ~sa.exists().where(
        later.c.tenant == WORKFLOWS.c.tenant,
        later.c.name == WORKFLOWS.c.name,
        later.c.version > WORKFLOWS.c.version,
    )


def _light(scope: Scope) -> sa.Select[Any]:
    return scope.select(WORKFLOWS, *(WORKFLOWS.c[it] for it in _LIGHT))


def _newest(work: Reading, scope: Scope, name: str) -> int:
    wanted = scope.select(WORKFLOWS, sa.func.max(WORKFLOWS.c.version))
    return work.connection.scalar(wanted.where(WORKFLOWS.c.name == name)) or 0


def _read(work: Reading, scope: Scope, name: str, version: int) -> StoredWorkflow:
    columns = [WORKFLOWS.c[it] for it in (*_LIGHT, "text")]
    wanted = scope.select(WORKFLOWS, *columns)
    found = wanted.where(WORKFLOWS.c.name == name, WORKFLOWS.c.version == version)
    row = work.connection.execute(found).first()
    if row is None:
        raise NotFoundError("version of the workflow", f"{name}@{version}")
    return StoredWorkflow(*row)
