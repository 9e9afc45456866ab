"""Runs: submitted, listed, looked at, followed, waited for, answered, cancelled, done again, deleted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import uuid4

from blockyard_platform.client.binding import operation, procedure, series
from blockyard_platform.client.calls import Call, delete, get, header, mapping, model, nothing, send
from blockyard_platform.client.effects import Flow, Stream
from blockyard_platform.client.flows import pages
from blockyard_platform.client.following import follow, listed, wait
from blockyard_platform.client.handles import beginning
from blockyard_platform.client.place import Placed, path
from blockyard_platform.client.run_calls import cancelling, followed, look, one, waiting
from blockyard_platform.service.api.models.base import Paged
from blockyard_platform.service.api.models.runs import (
    EventOut,
    RunOut,
    RunRowOut,
    StageOut,
)
from blockyard_platform.service.runs.views import State
from blockyard_schemas.statuses import Status


def _submit(
    at: Placed,
    document: str | Mapping[str, Any] | None = None,
    *,
    workflow: str | None = None,
    version: int | None = None,
    params: Mapping[str, Any] | None = None,
    priority: int = 0,
    key: str | None = None,
    trace: str | None = None,
    wait: float = 0,
    tenant: str | None = None,
) -> Call[RunOut]:
    """Submit a run of a document (YAML or JSON as text, or plain data), or of a stored workflow.

    ``key`` is the idempotency key, made up where none is given: so that what was sent twice, because an answer was lost, is one run.
    ``trace`` is a W3C traceparent; ``wait`` how many seconds the server waits for the end of the run at most, before it answers.
    """
    body = {
        "workflow": workflow,
        "version": version,
        "document": document if document is None or isinstance(document, str) else dict(document),
        "params": dict(params or {}),
        "priority": priority,
    }
    call = send("POST", at.place.of(tenant, "runs"), model(RunOut), body, safe=True)
    headers = [
        *call.request.headers,
        header("Idempotency-Key", uuid4().hex if key is None else key),
    ]
    if trace is not None:
        headers.append(header("traceparent", trace))
    return waiting(replace(call, request=replace(call.request, headers=tuple(headers))), wait)


class RunOperations(Placed):
    """What can be asked of runs."""

    submit_run = operation(_submit)
    submit = beginning(_submit)

    @series
    def list_runs(
        self,
        tenant: str | None = None,
        *,
        workflow: str | None = None,
        status: Status | None = None,
        state: State | None = None,
        origin: str | None = None,
        since: datetime | None = None,
        before: datetime | None = None,
        limit: int | None = None,
    ) -> Stream[RunRowOut]:
        """Yield runs, the latest first: a tenant's, or without one all that you may see."""
        query = {
            "tenant": tenant,
            "workflow": workflow,
            "status": status,
            "state": state,
            "origin": origin,
            "since": since,
            "before": before,
            "limit": limit,
        }
        return pages(get(path("runs"), model(Paged[RunRowOut]), query), self.place.retry)

    @operation
    def get_run(self, run: str, *, wait: float = 0, tenant: str | None = None) -> Call[RunOut]:
        """Look at a run, at once, or when it has ended, or when so many seconds are over (60 at most)."""
        return waiting(look(self.place, run, tenant), wait)

    @operation
    def get_run_document(self, run: str, *, tenant: str | None = None) -> Call[dict[str, Any]]:
        """Return the document that a run has."""
        return get(one(self.place, run, tenant, "document"), mapping)

    @series
    def list_stages(
        self, run: str, *, tenant: str | None = None, limit: int | None = None
    ) -> Stream[StageOut]:
        """Yield the stages of a run that have ended, in the order in which they did."""
        url = one(self.place, run, tenant, "stages")
        return pages(get(url, model(Paged[StageOut]), {"limit": limit}), self.place.retry)

    @series
    def list_events(
        self, run: str, *, after: int = 0, tenant: str | None = None
    ) -> Stream[EventOut]:
        """Yield what has happened in a run up to now, after an event by its ``seq``."""
        return listed(followed(self.place, run, tenant), after)

    @series
    def events(self, run: str, *, after: int = 0, tenant: str | None = None) -> Stream[EventOut]:
        """Yield what happens in a run until it has ended, each event once. A stream that breaks off goes on where it was."""
        return follow(followed(self.place, run, tenant), after)

    events.operation = "stream_events"

    @procedure
    def wait(
        self, run: str, *, timeout: float | None = None, tenant: str | None = None
    ) -> Flow[RunOut]:
        """Return a run when it has ended, however. Raises NotEndedError after ``timeout`` seconds."""
        return wait(look(self.place, run, tenant), self.place.patient, timeout)

    @operation
    def answer_run(
        self,
        run: str,
        stage: str,
        *,
        approved: bool = True,
        values: Mapping[str, Any] | None = None,
        comment: str | None = None,
        tenant: str | None = None,
    ) -> Call[RunOut]:
        """Answer an approval for which a run waits, by the node path of its stage; it can be answered once."""
        body = {
            "path": stage,
            "approved": approved,
            "values": dict(values or {}),
            "comment": comment,
        }
        return send("POST", one(self.place, run, tenant, "answers"), model(RunOut), body)

    @operation
    def cancel_run(self, run: str, *, reason: str = "", tenant: str | None = None) -> Call[RunOut]:
        """Cancel a run; one that has ended stays as it is."""
        return cancelling(self.place, run, tenant, reason)

    @operation
    def resume_run(
        self,
        run: str,
        *,
        params: Mapping[str, Any] | None = None,
        start: str | None = None,
        reset: bool = False,
        tenant: str | None = None,
    ) -> Call[RunOut]:
        """Do a run that has ended again: from what failed, from the stage ``start``, or (``reset``) all of it; with some other params."""
        body = {
            "params": None if params is None else dict(params),
            "start": start,
            "reset": reset,
        }
        return send("POST", one(self.place, run, tenant, "resume"), model(RunOut), body)

    @operation
    def delete_run(self, run: str, *, tenant: str | None = None) -> Call[None]:
        """Delete a run that has ended, with all that is known of it."""
        return delete(one(self.place, run, tenant), nothing)
