"""Webhooks that come in, as HTTP: their bodies are bounded before they are read, and may not take for ever."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from blockyard_platform.triggers.payloads import MOST_BYTES

if TYPE_CHECKING:
    from collections.abc import Callable

    from blockyard_platform.service.scheduler.hooks import HookDesk

BODY_SECONDS = 20.0
"""Seconds in which a body must have come."""

_REFUSED = {"error": "the request was not accepted"}


async def taken(
    desk: HookDesk,
    tenant: str,
    path: str,
    request: Request,
    *,
    run_path: str,
    now: Callable[[], float],
    most: int = MOST_BYTES,
    seconds: float = BODY_SECONDS,
) -> Response:
    """Answer a request. ``most`` are bytes of a body, ``run_path`` is where a run is looked at, for the header Location of a 202."""
    try:
        async with asyncio.timeout(seconds):
            body = await read_body(request, most)
    except TimeoutError:
        return _closing(408)
    if body is None:
        return _closing(413)
    headers = {name.lower(): text for name, text in request.headers.items()}
    answer = await desk.deliver(tenant, path, headers, body, now())
    more: dict[str, str] = {}
    if answer.status == 202 and answer.run_id is not None:
        more["location"] = run_path.format(tenant=tenant, run_id=answer.run_id)
    return JSONResponse(dict(answer.body), answer.status, more)


async def read_body(request: Request, most: int) -> bytes | None:
    """Return a body, ``None`` for one that is too long: as soon as its header says so, and else before more of it is kept."""
    said = request.headers.get("content-length", "")
    if said.isdecimal() and int(said[:20]) > most:
        return None
    body = bytearray()
    async for part in request.stream():
        if len(body) + len(part) > most:
            return None
        body += part
    return bytes(body)


def _closing(status: int) -> Response:
    """Refuse a request whose body was not read to its end: the connection cannot be used again."""
    return JSONResponse(_REFUSED, status, {"connection": "close"})
