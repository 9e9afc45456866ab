"""Policies: their versions, which is in force, and what a proposed one would change."""

from __future__ import annotations

from collections import Counter
from enum import StrEnum
from typing import Annotated

from fastapi import Query

from blockyard_platform.service.api.depends import By, Here, Note, Paging, Tenant, Text, Version
from blockyard_platform.service.api.models.base import Paged, paged
from blockyard_platform.service.api.models.policies import (
    DiffOut,
    EvaluationOut,
    PinIn,
    PinOut,
    PolicyOut,
    PolicyVersionOut,
    VerdictOut,
)
from blockyard_platform.service.api.routing import V1, Guarded
from blockyard_platform.service.changes import Change
from blockyard_platform.service.evaluating import (
    Evaluation,
    Source,
    StoredDocuments,
    evaluate,
)
from blockyard_platform.service.registry import policies
from blockyard_platform.service.registry.access import enter
from blockyard_platform.service.registry.callers import Action
from blockyard_platform.service.registry.errors import NotFoundError
from blockyard_platform.service.runs.reading import PastRuns
from blockyard_schemas.policy import load_policy

To = Annotated[int, Query(description="The other version.")]


class Over(StrEnum):
    """Which documents a proposed policy is tried on."""

    NEWEST = "newest"
    VERSIONS = "versions"
    RUNS = "runs"


def put_policy(parts: Here, caller: By, tenant: Tenant, text: Text, note: Note = "") -> PolicyOut:
    """Give a tenant a policy, in YAML or JSON: a new version."""
    with parts.database.writing() as work:
        return _whole(policies.put(work, caller, tenant, text, note))


def list_policies(parts: Here, caller: By, tenant: Tenant, ask: Paging) -> Paged[PolicyVersionOut]:
    """List the versions of a tenant's policy, the newest first."""
    with parts.database.reading() as work:
        return paged(policies.page(work, caller, tenant, ask), PolicyVersionOut.of)


def get_policy_in_force(parts: Here, caller: By, tenant: Tenant) -> PolicyOut:
    """Look at the policy that is in force."""
    with parts.database.reading() as work:
        return _whole(policies.current(work, caller, tenant))


def get_policy(parts: Here, caller: By, tenant: Tenant, version: Version) -> PolicyOut:
    """Look at a version of a tenant's policy."""
    with parts.database.reading() as work:
        return _whole(policies.read(work, caller, tenant, version))


def diff_policies(parts: Here, caller: By, tenant: Tenant, version: Version, to: To) -> DiffOut:
    """Say what another version has otherwise."""
    with parts.database.reading() as work:
        return DiffOut(diff=policies.diff(work, caller, tenant, version, to))


def pin_policy(parts: Here, caller: By, tenant: Tenant, body: PinIn) -> PinOut:
    """Keep a version in force, or have the newest in force again."""
    with parts.database.writing() as work:
        policies.pin(work, caller, tenant, body.version)
    return PinOut(version=body.version)


def evaluate_policy(
    parts: Here,
    caller: By,
    tenant: Tenant,
    text: Text,
    ask: Paging,
    over: Annotated[Over, Query(description="Stored workflows, or past runs.")] = Over.NEWEST,
    unchanged: Annotated[bool, Query(description="Tell of those that do not change, too.")] = False,
) -> EvaluationOut:
    """Say what a proposed policy would refuse, and newly allow, of the documents that there are."""
    proposed = load_policy(text)
    source = _source(over)
    with parts.database.reading() as work:
        enter(work, caller, Action.POLICIES_WRITE, tenant)
        try:
            now = policies.current(work, caller, tenant).policy
        except NotFoundError:
            now = None
    admitting = parts.admitting
    evaluation = Evaluation(
        now, proposed, parts.catalog, admitting.workflows(tenant), admitting.secrets(tenant)
    )
    found = evaluate(evaluation, parts.database, caller, tenant, source, ask)
    same = (Change.STILL_ADMITTED, Change.STILL_REFUSED)
    return EvaluationOut(
        counts=Counter(each.change for each in found.items),
        items=[VerdictOut.of(it) for it in found.items if unchanged or it.change not in same],
        next=found.next,
    )


def _source(over: Over) -> Source:
    return PastRuns() if over is Over.RUNS else StoredDocuments(newest=over is Over.NEWEST)


def _whole(found: policies.StoredPolicy) -> PolicyOut:
    return PolicyOut.of(found, policy=found.as_dict())


_ALL = f"{V1}/tenants/{{tenant}}/policies"
_ONE = f"{_ALL}/{{version}}"
_PIN = f"{V1}/tenants/{{tenant}}/policy/pin"


def routes() -> tuple[Guarded, ...]:
    """Return the routes of this subject."""
    return (
        Guarded(
            "POST",
            _ALL,
            put_policy,
            Action.POLICIES_WRITE,
            gives=PolicyOut,
            status=201,
            document=True,
        ),
        Guarded("GET", _ALL, list_policies, Action.POLICIES_READ, gives=Paged[PolicyVersionOut]),
        Guarded(
            "POST",
            f"{_ALL}/evaluate",
            evaluate_policy,
            Action.POLICIES_WRITE,
            gives=EvaluationOut,
            document=True,
        ),
        Guarded("GET", _ONE, get_policy, Action.POLICIES_READ, gives=PolicyOut),
        Guarded("GET", f"{_ONE}/diff", diff_policies, Action.POLICIES_READ, gives=DiffOut),
        Guarded(
            "GET",
            f"{V1}/tenants/{{tenant}}/policy",
            get_policy_in_force,
            Action.POLICIES_READ,
            gives=PolicyOut,
        ),
        Guarded("PUT", _PIN, pin_policy, Action.POLICIES_WRITE, gives=PinOut),
    )
