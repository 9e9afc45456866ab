"""What happens in a run: as a listing, and as a stream that goes on where it broke off."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Callable
from typing import Annotated, Any

from fastapi import Header, Query
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import StreamingResponse

from blockyard_platform.service.api.depends import By, Here, Tenant
from blockyard_platform.service.api.models.runs import EventOut, EventsOut
from blockyard_platform.service.api.problems import RefusedRequestError
from blockyard_platform.service.api.routes.runs import Run
from blockyard_platform.service.api.routing import V1, Guarded
from blockyard_platform.service.api.security import bearer
from blockyard_platform.service.parts import Parts
from blockyard_platform.service.registry.callers import Action, Caller
from blockyard_platform.service.registry.tokens import authenticate
from blockyard_platform.service.runs import details, reading
from blockyard_platform.service.runs.views import EventRow, State
from blockyard_platform.store.errors import StoreError

_LOG = logging.getLogger(__name__)
MEDIA_TYPE = "text/event-stream"
_QUIET_SECONDS = 15.0
_AT_ONCE = 200
_LONGEST_ID = 19

After = Annotated[int, Query(ge=0, lt=2**63, description="The `seq` of the last event you have.")]
Limit = Annotated[int, Query(ge=1, le=500)]
LastId = Annotated[
    str | None, Header(alias="Last-Event-ID", description="The id of the last event you have.")
]


def list_events(
    parts: Here, caller: By, tenant: Tenant, run: Run, after: After = 0, limit: Limit = 100
) -> EventsOut:
    """List what happened in a run."""
    with parts.database.reading() as work:
        found = details.events(work, caller, tenant, run, after, limit)
    return EventsOut(items=[EventOut.of(each) for each in found])


async def stream_events(
    request: Request,
    parts: Here,
    caller: By,
    tenant: Tenant,
    run: Run,
    after: After = 0,
    last: LastId = None,
) -> StreamingResponse:
    """Stream what happens in a run, until it has ended, as server-sent events."""
    begin = _number(last) if last is not None else after
    token = bearer(request) or ""

    def look(seen: int) -> _Rows:
        # A stream may last for days: a token that was revoked since ends it, as one that has expired.
        authenticate(parts.database, token)
        return _read(parts, caller, tenant, run, seen)

    first = await run_in_threadpool(_read, parts, caller, tenant, run, begin)
    events = _events(parts, run, look, first, begin)
    return StreamingResponse(events, media_type=MEDIA_TYPE, headers={"X-Accel-Buffering": "no"})


async def _events(
    parts: Parts, run_id: str, look: Callable[[int], _Rows], rows: _Rows, after: int
) -> AsyncIterator[str]:
    """Yield events, by ``look`` at those after one. It ends where it cannot look any more: who asks again is told why."""
    with parts.watching.of(run_id) as news:
        news.set()  # Something may have come between the look that is given and now.
        while True:
            for row in rows[0]:
                after = row.seq
                yield _written(row)
            if not rows[0] and (rows[1] or parts.watching.left):
                return
            if not rows[0]:
                try:
                    async with asyncio.timeout(_QUIET_SECONDS):
                        await news.wait()
                except TimeoutError:
                    yield ": nothing new\n\n"
            news.clear()
            try:
                rows = await run_in_threadpool(look, after)
            except StoreError as error:
                _LOG.info("a stream of events has ended early: %s", error)
                return


_Rows = tuple[tuple[EventRow, ...], bool]


def _read(parts: Parts, caller: Caller, tenant: str, run_id: str, after: int) -> _Rows:
    """Return some events, and whether the run has ended: that is looked at first, so that no event is missed."""
    with parts.database.reading() as work:
        state = reading.read(work, caller, tenant, run_id).row.state
    with parts.database.reading() as work:
        found = details.events(work, caller, tenant, run_id, after, _AT_ONCE)
    return found, state is State.ENDED


def _written(row: EventRow) -> str:
    data = {"at": row.at, "path": row.path, **row.data}
    return f"id: {row.seq}\nevent: {row.kind}\ndata: {json.dumps(data)}\n\n"


def _number(text: str) -> int:
    if not text.isascii() or not text.isdecimal() or len(text) > _LONGEST_ID or int(text) >= 2**63:
        raise RefusedRequestError(422, "Last-Event-ID is not the id of an event", "leave it out")
    return int(text)


_ALL = f"{V1}/tenants/{{tenant}}/runs/{{run}}/events"


def routes() -> tuple[Guarded, ...]:
    """Return the routes of this subject."""
    streamed: dict[int | str, Any] = {
        200: {"content": {MEDIA_TYPE: {}}, "description": "Events as they come"}
    }
    return (
        Guarded("GET", _ALL, list_events, Action.RUNS_READ, gives=EventsOut),
        Guarded(
            "GET",
            f"{_ALL}/stream",
            stream_events,
            Action.RUNS_READ,
            response_class=StreamingResponse,
            responses=streamed,
        ),
    )
