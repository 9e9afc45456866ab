"""Webhooks that come in: nobody has a token, and each request is signed."""

from __future__ import annotations

from time import time

from starlette.requests import Request
from starlette.responses import Response

from blockyard_platform.service.api.depends import Here, Tenant
from blockyard_platform.service.api.routing import V1, Gate, Guarded
from blockyard_platform.service.scheduler.routes import taken


async def deliver_hook(parts: Here, tenant: Tenant, path: str, request: Request) -> Response:
    """Take a request that is signed as the workflow's `on.webhook` says."""
    where = f"{V1}/tenants/{{tenant}}/runs/{{run_id}}"
    return await taken(parts.scheduling.desk, tenant, path, request, run_path=where, now=time)


def routes() -> tuple[Guarded, ...]:
    """Return the routes of this subject."""
    told = {
        202: {"description": "The run has begun"},
        401: {"description": "It is not accepted, for whatever reason"},
    }
    return (
        Guarded(
            "POST",
            "/hooks/{tenant}/{path:path}",
            deliver_hook,
            Gate.OPEN,
            response_class=Response,
            responses=told,
        ),
    )
