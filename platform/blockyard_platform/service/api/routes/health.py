"""Whether the service is there, and ready; its numbers; its own description."""

from __future__ import annotations

import hmac
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from blockyard_platform.service.api.depends import Here
from blockyard_platform.service.api.models.health import LiveOut, PartOut, ReadyOut
from blockyard_platform.service.api.routing import V1, Gate, Guarded
from blockyard_platform.service.api.security import admit, bearer, known
from blockyard_platform.service.operations.metrics import CONTENT_TYPE
from blockyard_platform.service.parts import Parts
from blockyard_platform.service.registry.callers import Action
from blockyard_platform.service.registry.errors import ForbiddenError, NotFoundError
from blockyard_platform.store.errors import StoreError


async def get_live() -> LiveOut:
    """Say that the process answers."""
    return LiveOut()


async def get_ready(request: Request, parts: Here, response: Response) -> ReadyOut:
    """Say whether the service is ready, by part; what is wrong is told to those with a token for all tenants."""
    found = await parts.health.look()
    if not found.ready:
        response.status_code = 503
    words = await _may_read_words(request)
    told = [PartOut.of(it, words=it.words if words else None) for it in found.parts]
    return ReadyOut(state=found.state, parts=told)


async def _may_read_words(request: Request) -> bool:
    """Say whether a token for all tenants came along; while the database is away nobody knows one, and the parts are told all the same."""
    if bearer(request) is None:
        return False
    try:
        return (await known(request)).tenant is None
    except StoreError:
        return False


async def get_metrics(request: Request, parts: Here) -> Response:
    """Get the numbers of the service, as Prometheus reads them: with the metrics token, or one for all tenants."""
    if not parts.settings.metrics:
        raise NotFoundError("page", "/metrics")
    if not _has_metrics_token(request, parts):
        caller = await admit(request, Action.TENANTS_READ)
        if caller.tenant is not None:
            raise ForbiddenError("the metrics are of all tenants", "use a token for all tenants")
    slots = parts.settings.slots if parts.settings.worker else 0
    render = parts.observing.render
    text = await run_in_threadpool(render, parts.database, parts.dispatcher.executor_id, slots)
    return Response(text, media_type=CONTENT_TYPE)


async def get_openapi(request: Request) -> dict[str, Any]:
    """Get the description of this API (OpenAPI 3.1)."""
    found: dict[str, Any] = request.app.openapi()
    return found


def _has_metrics_token(request: Request, parts: Parts) -> bool:
    wanted, given = parts.settings.metrics_token, bearer(request)
    if wanted is None or given is None:
        return False
    return hmac.compare_digest(wanted.get_secret_value().encode(), given.encode())


_NOT_READY: dict[int | str, Any] = {503: {"model": ReadyOut, "description": "It is not ready"}}
_TEXT: dict[int | str, Any] = {
    200: {"description": "The numbers", "content": {"text/plain": {"schema": {"type": "string"}}}}
}


def routes() -> tuple[Guarded, ...]:
    """Return the routes of this subject."""
    return (
        Guarded("GET", "/health/live", get_live, Gate.OPEN, gives=LiveOut),
        Guarded("GET", "/health/ready", get_ready, Gate.OPEN, gives=ReadyOut, responses=_NOT_READY),
        Guarded(
            "GET", "/metrics", get_metrics, Gate.OPEN, responses=_TEXT, response_class=Response
        ),
        Guarded("GET", f"{V1}/openapi.json", get_openapi, Gate.OPEN, gives=dict[str, Any]),
    )
