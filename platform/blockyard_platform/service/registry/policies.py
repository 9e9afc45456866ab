"""Policies: each tenant's, in versions that never change. The pinned one is in force, or else the newest."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from pydantic import ValidationError

from blockyard_platform.service.registry.access import Scope, enter
from blockyard_platform.service.registry.callers import Action
from blockyard_platform.service.registry.differences import difference
from blockyard_platform.service.registry.errors import NotFoundError
from blockyard_platform.service.registry.names import numbered, text
from blockyard_platform.service.registry.paging import FIRST, Ask, Order, Page, fetch
from blockyard_platform.service.registry.tables import POLICIES, TENANTS
from blockyard_platform.store.errors import StoreError
from blockyard_schemas.policy import Policy, load_policy

if TYPE_CHECKING:
    from blockyard_platform.service.registry.callers import Caller
    from blockyard_platform.service.registry.database import Reading, Writing

MOST = 10_000
"""Versions that a tenant's policy can have."""

_ORDER = Order("policies", (POLICIES.c.version,), latest_first=True)


@dataclass(frozen=True, slots=True)
class PolicyVersion:
    """A version of a tenant's policy, without what it says."""

    tenant: str
    version: int
    note: str
    author: str
    created: float


@dataclass(frozen=True, slots=True)
class StoredPolicy(PolicyVersion):
    """A version of a tenant's policy: the ``text`` as it was given, and what it says with all defaults of its time."""

    text: str
    policy: Policy

    def as_dict(self) -> dict[str, Any]:
        """Return what it says as plain data, with every default of its time."""
        return _form(self.policy)


def put(work: Writing, caller: Caller, tenant: str, given: str, note: str = "") -> StoredPolicy:
    """Add a version. Raises NotFoundError, InvalidDocumentError with all problems of the text."""
    scope = enter(work, caller, Action.POLICIES_WRITE, tenant)
    policy = load_policy(given)
    scope.lock(work)
    scope.limit(work, POLICIES, MOST, "versions of its policy")
    version = _newest(work, scope) + 1
    row = {
        "version": version,
        "text": given,
        "policy": json.dumps(_form(policy)),
        "note": text("note", note),
        "author": caller.who,
        "created": work.now,
    }
    work.change(scope.insert(work, POLICIES, **row))
    work.note(caller, tenant, "policies.put", f"version/{version}", note=note)
    return read(work, caller, tenant, version)


def read(work: Reading, caller: Caller, tenant: str, version: int) -> StoredPolicy:
    """Return a version. Raises NotFoundError."""
    scope = enter(work, caller, Action.POLICIES_READ, tenant)
    wanted = scope.select(POLICIES).where(POLICIES.c.version == numbered("policy", version))
    row = work.connection.execute(wanted).first()
    if row is None:
        raise NotFoundError("version of the policy", version)
    return _whole(row)


def current(work: Reading, caller: Caller, tenant: str) -> StoredPolicy:
    """Return the version that is in force. Raises NotFoundError for a tenant that was never given a policy."""
    return read(work, caller, tenant, in_force(work, caller, tenant))


def in_force(work: Reading, caller: Caller, tenant: str) -> int:
    """Return the number of the version that is in force. Raises NotFoundError for a tenant that was never given a policy."""
    scope = enter(work, caller, Action.POLICIES_READ, tenant)
    newest = scope.select(POLICIES, sa.func.max(POLICIES.c.version)).scalar_subquery()
    pinned = scope.select(
        TENANTS, sa.func.coalesce(sa.func.nullif(TENANTS.c.policy_pin, 0), newest)
    )
    version = work.connection.scalar(pinned)
    if not version:
        raise NotFoundError("policy of the tenant", tenant)
    return int(version)


def page(
    work: Reading,
    caller: Caller,
    tenant: str,
    ask: Ask = FIRST,
) -> Page[PolicyVersion]:
    """Return the versions, the newest first."""
    scope = enter(work, caller, Action.POLICIES_READ, tenant)
    columns = [POLICIES.c[it] for it in ("tenant", "version", "note", "author", "created")]
    return fetch(work, scope.select(POLICIES, *columns), _ORDER, ask, lambda it: PolicyVersion(*it))


def diff(work: Reading, caller: Caller, tenant: str, a: int, b: int) -> str:
    """Return what version ``b`` says otherwise than ``a``, as a unified diff of both without what is a default. Raises NotFoundError."""
    from blockyard_platform.convert.writing import to_yaml

    forms = [_form(read(work, caller, tenant, each).policy, short=True) for each in (a, b)]
    return difference(to_yaml(forms[0]), to_yaml(forms[1]), f"policy@{a}", f"policy@{b}")


def pin(work: Writing, caller: Caller, tenant: str, version: int | None) -> None:
    """Keep a version in force whatever comes after it, or with None the newest again. Raises NotFoundError."""
    scope = enter(work, caller, Action.POLICIES_WRITE, tenant)
    if version is not None:
        read(work, caller, tenant, version)
    work.change(scope.update(TENANTS).values(policy_pin=version))
    work.note(caller, tenant, "policies.pin", f"version/{version or 'newest'}")


def _newest(work: Reading, scope: Scope) -> int:
    wanted = scope.select(POLICIES, sa.func.max(POLICIES.c.version))
    return work.connection.scalar(wanted) or 0


def _form(policy: Policy, *, short: bool = False) -> dict[str, Any]:
    """Return a policy as plain data. Sets are sorted; mappings keep their order, by which the first pattern counts."""
    form = policy.model_dump(mode="json", exclude_defaults=short)
    for key in {"tags", "stages"} & set(form):
        form[key] = sorted(form[key]) if isinstance(form[key], list) else form[key]
    return form


def _whole(row: Any) -> StoredPolicy:
    try:
        policy = Policy.model_validate(json.loads(row.policy))
    except (ValueError, ValidationError) as error:
        raise StoreError(
            f"the policy {row.version} of the tenant '{row.tenant}' is not one that this version reads",
            "put its text again as a new version",
        ) from error
    return StoredPolicy(
        tenant=row.tenant,
        version=row.version,
        note=row.note,
        author=row.author,
        created=row.created,
        text=row.text,
        policy=policy,
    )
