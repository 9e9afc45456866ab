"""Documents before they are stored or run: whether they are admitted, what they come to, and what they may be made of."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Header
from starlette.responses import Response

from blockyard_platform.service.admitting import Admitted
from blockyard_platform.service.api.depends import By, Here, Paging, Tenant, Text
from blockyard_platform.service.api.listing import page_of
from blockyard_platform.service.api.models.base import Paged
from blockyard_platform.service.api.models.problems import FindingOut
from blockyard_platform.service.api.models.workflows import BlockOut, PlanOut, ValidationOut
from blockyard_platform.service.api.routing import V1, Guarded
from blockyard_platform.service.parts import Parts
from blockyard_platform.service.registry.callers import Action
from blockyard_schemas.blocks_interface import BlockInterface
from blockyard_schemas.problems import Problem

Known = Annotated[
    str | None,
    Header(alias="If-None-Match", max_length=1_000, description="The ETag of an earlier answer."),
]


def validate_document(parts: Here, caller: By, tenant: Tenant, text: Text) -> ValidationOut:
    """Say whether a document could be run now, and everything that stands against it."""
    found = parts.admitting.admit(caller, tenant, text)
    return ValidationOut(**_said(found, found.problems))


def plan_document(parts: Here, caller: By, tenant: Tenant, text: Text) -> PlanOut:
    """Say what a run of a document may come to."""
    found = parts.admitting.admit(caller, tenant, text)
    if found.plan is None:
        return PlanOut(**_said(found, found.problems), plan=None)
    from blockyard_platform.forecast import Forecaster

    forecast = Forecaster(found.plan, found.rules.policy, parts.catalog).forecast()
    return PlanOut(**_said(found, forecast.problems), plan=forecast.as_dict())


def list_catalog(parts: Here, caller: By, tenant: Tenant, ask: Paging) -> Paged[BlockOut]:
    """List the blocks that a tenant may use, by name."""
    rules = parts.admitting.rules(caller, tenant)
    policy = rules.policy
    limited = [
        (each, policy.block_limit(each.name, each.limit))
        for each in _interfaces(parts)
        if not each.private and policy.allows_tags(each.tags)
    ]
    named = {f"{it.name}@{it.version}": _block(it, limit) for it, limit in limited if limit != 0}
    return page_of("catalog", named, ask)


def get_schema(parts: Here, caller: By, tenant: Tenant, known: Known = None) -> Response:
    """Get the closed JSON Schema (Draft 2020-12) of the documents that a tenant may write."""
    found = parts.admitting.schema(parts.admitting.rules(caller, tenant))
    tag = f'"{found.digest}"'
    headers = {"ETag": tag, "Cache-Control": "private, no-cache", "Vary": "Authorization"}
    same = known is not None and (
        known.strip() == "*" or tag in (it.strip().removeprefix("W/") for it in known.split(","))
    )
    if same:
        return Response(status_code=304, headers=headers)
    return Response(found.data, headers=headers, media_type="application/schema+json")


def _said(admitted: Admitted, problems: tuple[Problem, ...]) -> dict[str, Any]:
    return {
        "valid": not problems,
        "policy_version": admitted.rules.version,
        "problems": [FindingOut.model_validate(each) for each in problems],
    }


def _interfaces(parts: Parts) -> list[BlockInterface]:
    return list(parts.catalog.interfaces().values())


def _block(block: BlockInterface, limit: int | None) -> BlockOut:
    return BlockOut.of(block, tags=sorted(block.tags), limit=limit)


_ONE = f"{V1}/tenants/{{tenant}}"
_READ = Action.WORKFLOWS_READ
_SCHEMA: dict[int | str, Any] = {
    200: {"description": "The schema", "content": {"application/schema+json": {"schema": {}}}},
    304: {"description": "It is the one that you know"},
}


def routes() -> tuple[Guarded, ...]:
    """Return the routes of this subject."""
    return (
        Guarded(
            "POST", f"{_ONE}/validate", validate_document, _READ, gives=ValidationOut, document=True
        ),
        Guarded("POST", f"{_ONE}/plan", plan_document, _READ, gives=PlanOut, document=True),
        Guarded(
            "GET", f"{_ONE}/catalog", list_catalog, Action.POLICIES_READ, gives=Paged[BlockOut]
        ),
        Guarded(
            "GET",
            f"{_ONE}/schema",
            get_schema,
            Action.POLICIES_READ,
            responses=_SCHEMA,
            response_class=Response,
        ),
    )
