"""Runs: submitted, listed, looked at, cancelled, done again, deleted."""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress
from datetime import datetime
from typing import Annotated, Any

from fastapi import Header, Path, Query
from pydantic import AwareDatetime
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from blockyard_platform.service.api.depends import By, Here, OfTenant, Paging, Tenant
from blockyard_platform.service.api.models.base import Paged, paged
from blockyard_platform.service.api.models.runs import (
    AnswerIn,
    CancelIn,
    QueuedOut,
    ResumeIn,
    RunIn,
    RunOut,
    RunRowOut,
    StageOut,
)
from blockyard_platform.service.api.routing import V1, Guarded
from blockyard_platform.service.dispatch.port import Waiting
from blockyard_platform.service.parts import Parts
from blockyard_platform.service.registry.callers import Action, Caller
from blockyard_platform.service.registry.errors import ConflictError, NotFoundError
from blockyard_platform.service.runs import details, reading
from blockyard_platform.service.runs.orders import Order
from blockyard_platform.service.runs.reading import Filter
from blockyard_platform.service.runs.views import State
from blockyard_platform.service.scheduler import groups
from blockyard_platform.waits import Answer
from blockyard_schemas.statuses import Status

MOST_SECONDS = 60

Run = Annotated[str, Path(description="The id of a run.")]
Key = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        max_length=200,
        description="A text of your own: the same one again is the same run.",
    ),
]
Trace = Annotated[
    str | None, Header(alias="traceparent", max_length=60, description="W3C Trace Context.")
]
Wait = Annotated[
    float,
    Query(ge=0, le=MOST_SECONDS, description="Seconds to wait for the end of the run at most."),
]
Workflow = Annotated[str | None, Query(max_length=200)]
Ended = Annotated[Status | None, Query(description="How it ended; WAIT has not.")]
Where = Annotated[State | None, Query(description="Where it is.")]
Origin = Annotated[str | None, Query(max_length=250, description="What has begun it.")]
Since = Annotated[
    AwareDatetime | None, Query(description="Submitted at this time, with its zone, or later.")
]
Before = Annotated[
    AwareDatetime | None, Query(description="Submitted before this time, with its zone.")
]


async def submit_run(
    parts: Here,
    caller: By,
    tenant: Tenant,
    body: RunIn,
    response: Response,
    key: Key = None,
    trace: Trace = None,
    wait: Wait = 0,
) -> RunOut:
    """Submit a run; an answer of 201 says that it is accepted for good, and 200 that its key was sent before."""
    document = body.document
    order = Order(
        tenant=tenant,
        workflow=body.workflow,
        version=body.version,
        document=document if isinstance(document, str | None) else json.dumps(document),
        params=body.params,
        priority=body.priority,
        key=key,
        trace=trace,
    )
    accepted = await run_in_threadpool(parts.runs.submit, caller, order)
    response.status_code = 201 if accepted.new else 200
    response.headers["Location"] = f"{V1}/tenants/{tenant}/runs/{accepted.run_id}"
    try:
        return await _waited(parts, caller, tenant, accepted.run_id, wait)
    except NotFoundError:
        raise ConflictError(
            f"the run {accepted.run_id}, which this submission began, was deleted",
            "to have another one, give it an idempotency key of its own",
        ) from None


def list_runs(
    parts: Here,
    caller: By,
    ask: Paging,
    tenant: OfTenant = None,
    workflow: Workflow = None,
    status: Ended = None,
    state: Where = None,
    origin: Origin = None,
    since: Since = None,
    before: Before = None,
) -> Paged[RunRowOut]:
    """List runs, the latest first."""
    wanted = Filter(workflow, status, state, origin, _seconds(since), _seconds(before))
    with parts.database.reading() as work:
        return paged(reading.page(work, caller, tenant, wanted, ask), RunRowOut.of)


async def get_run(parts: Here, caller: By, tenant: Tenant, run: Run, wait: Wait = 0) -> RunOut:
    """Look at a run, at once or when it has ended."""
    return await _waited(parts, caller, tenant, run, wait)


def get_run_document(parts: Here, caller: By, tenant: Tenant, run: Run) -> dict[str, Any]:
    """Return the document that a run has."""
    with parts.database.reading() as work:
        return details.document(work, caller, tenant, run)


def list_stages(parts: Here, caller: By, tenant: Tenant, run: Run, ask: Paging) -> Paged[StageOut]:
    """List the stages of a run that have ended, in the order in which they did."""
    with parts.database.reading() as work:
        return paged(details.stages(work, caller, tenant, run, ask), StageOut.of)


def cancel_run(parts: Here, caller: By, tenant: Tenant, run: Run, body: CancelIn) -> RunOut:
    """Cancel a run; one that has ended stays as it is."""
    parts.runs.cancel(caller, tenant, run, body.reason)
    return _look(parts, caller, tenant, run)


def answer_run(parts: Here, caller: By, tenant: Tenant, run: Run, body: AnswerIn) -> RunOut:
    """Answer an approval for which a run waits; it can be answered once."""
    answer = Answer(body.approved, values=body.values, comment=body.comment)
    parts.runs.answer(caller, tenant, run, body.path, answer)
    return _look(parts, caller, tenant, run)


def resume_run(parts: Here, caller: By, tenant: Tenant, run: Run, body: ResumeIn) -> RunOut:
    """Do a run that has ended again, from what failed, or from a stage."""
    parts.runs.resume(caller, tenant, run, params=body.params, start=body.start, reset=body.reset)
    return _look(parts, caller, tenant, run)


def delete_run(parts: Here, caller: By, tenant: Tenant, run: Run) -> None:
    """Delete a run that has ended, with all that is known of it."""
    parts.runs.delete(caller, tenant, run)


async def _waited(parts: Parts, caller: Caller, tenant: str, run_id: str, seconds: float) -> RunOut:
    """Return a run, once it has ended or the time is over."""
    if seconds <= 0:
        return await run_in_threadpool(_look, parts, caller, tenant, run_id)
    end = asyncio.get_running_loop().time() + seconds
    with parts.watching.of(run_id, ending=True) as news:
        if await run_in_threadpool(_is_under_way, parts, caller, tenant, run_id):
            with suppress(TimeoutError):
                async with asyncio.timeout(0 if parts.watching.left else seconds):
                    await news.wait()
        while True:
            news.clear()
            found = await run_in_threadpool(_look, parts, caller, tenant, run_id)
            left = end - asyncio.get_running_loop().time()
            if found.state is State.ENDED or left <= 0 or parts.watching.left:
                return found
            try:
                async with asyncio.timeout(left):
                    await news.wait()
            except TimeoutError:
                continue


def _is_under_way(parts: Parts, caller: Caller, tenant: str, run_id: str) -> bool:
    with parts.database.reading() as work:
        return details.is_under_way(work, caller, tenant, run_id)


def _look(parts: Parts, caller: Caller, tenant: str, run_id: str) -> RunOut:
    waiting: Waiting | None = None
    with parts.database.reading() as work:
        found = reading.read(work, caller, tenant, run_id)
        if found.row.state is State.WAITING and found.concurrency is not None:
            waiting = groups.why_held(work, caller, tenant, run_id)
    if found.row.state is State.QUEUED:
        waiting = parts.dispatcher.why_waiting(run_id)
    queued = None if waiting is None else QueuedOut.of(waiting)
    row = RunRowOut.of(found.row).model_dump()
    return RunOut.of(found, queued=queued, **row)


def _seconds(moment: datetime | None) -> float | None:
    return None if moment is None else moment.timestamp()


_ALL = f"{V1}/tenants/{{tenant}}/runs"
_ONE = f"{_ALL}/{{run}}"
_READ = Action.RUNS_READ
_CONTROL = Action.RUNS_CONTROL


def routes() -> tuple[Guarded, ...]:
    """Return the routes of this subject."""
    submitted = {201: {"model": RunOut, "description": "It is accepted"}}
    return (
        Guarded("POST", _ALL, submit_run, Action.RUNS_SUBMIT, gives=RunOut, responses=submitted),
        Guarded("GET", f"{V1}/runs", list_runs, _READ, gives=Paged[RunRowOut]),
        Guarded("GET", _ONE, get_run, _READ, gives=RunOut),
        Guarded("GET", f"{_ONE}/document", get_run_document, _READ, gives=dict[str, Any]),
        Guarded("GET", f"{_ONE}/stages", list_stages, _READ, gives=Paged[StageOut]),
        Guarded("POST", f"{_ONE}/cancel", cancel_run, _CONTROL, gives=RunOut),
        Guarded("POST", f"{_ONE}/answers", answer_run, _CONTROL, gives=RunOut),
        Guarded("POST", f"{_ONE}/resume", resume_run, _CONTROL, gives=RunOut),
        Guarded("DELETE", _ONE, delete_run, _CONTROL, status=204),
    )
