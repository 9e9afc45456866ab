"""Looking at runs: pages of them, and one with all that is known."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from blockyard_platform.service.dispatch.port import State as Queued
from blockyard_platform.service.dispatch.tables import QUEUE
from blockyard_platform.service.evaluating import Document
from blockyard_platform.service.registry.access import Scope, enter, listing
from blockyard_platform.service.registry.callers import Action
from blockyard_platform.service.registry.errors import NotFoundError
from blockyard_platform.service.registry.paging import FIRST, Ask, Order, Page, fetch
from blockyard_platform.service.runs.details import known, seconds, waits
from blockyard_platform.service.runs.views import RunDetail, RunRow, State
from blockyard_platform.store.tables import RUNS
from blockyard_schemas.statuses import Status

if TYPE_CHECKING:
    from collections.abc import Sequence

    from blockyard_platform.service.registry.callers import Caller
    from blockyard_platform.service.registry.database import Reading

_RUNS = Order("runs", (RUNS.c.created, RUNS.c.id), latest_first=True)
_LIGHT = (
    RUNS.c.id,
    RUNS.c.tenant,
    RUNS.c.workflow,
    RUNS.c.version,
    RUNS.c.status,
    RUNS.c.origin,
    RUNS.c.priority,
    RUNS.c.author,
    RUNS.c.created,
    RUNS.c.ended,
    RUNS.c.settled,
    QUEUE.c.state.label("queued"),
)
_WAITING = (Queued.QUEUED, Queued.DELAYED)


@dataclass(frozen=True, slots=True)
class Filter:
    """Which runs of a listing are wanted: all that hold everything that is given. Times are seconds since 1970."""

    workflow: str | None = None
    status: Status | None = None
    state: State | None = None
    origin: str | None = None
    since: float | None = None
    before: float | None = None

    def conditions(self) -> Sequence[sa.ColumnElement[bool]]:
        """Return the conditions of a statement over runs with the queue beside them."""
        found: list[sa.ColumnElement[bool]] = []
        if self.workflow is not None:
            found.append(RUNS.c.workflow == self.workflow)
        if self.status is not None:
            found.append(RUNS.c.status == self.status.value)
        if self.origin is not None:
            found.append(RUNS.c.origin == self.origin)
        if self.since is not None:
            found.append(RUNS.c.created >= self.since)
        if self.before is not None:
            found.append(RUNS.c.created < self.before)
        return [*found, *([] if self.state is None else _in_state(self.state))]


ALL = Filter()
"""Every run."""


def page(
    work: Reading,
    caller: Caller,
    tenant: str | None = None,
    wanted: Filter = ALL,
    ask: Ask = FIRST,
) -> Page[RunRow]:
    """Return the runs of a tenant, or of all that the caller may see, the latest first. Raises NotFoundError, InvalidError."""
    scope = listing(work, caller, Action.RUNS_READ, tenant)
    statement = _rows(scope).where(*wanted.conditions())
    return fetch(work, statement, _RUNS, ask, _row)


def read(work: Reading, caller: Caller, tenant: str, run_id: str) -> RunDetail:
    """Return all of a run but its stages and its document. Raises NotFoundError."""
    scope = enter(work, caller, Action.RUNS_READ, tenant)
    more = (RUNS.c.params, RUNS.c.policy, RUNS.c.concurrency, RUNS.c.result)
    statement = _rows(scope, *more).where(RUNS.c.id == known(run_id))
    row: Any = work.connection.execute(statement).first()
    if row is None:
        raise NotFoundError("run", run_id)
    result: dict[str, Any] = {} if row.result is None else json.loads(row.result)
    return RunDetail(
        row=_row(row),
        params=json.loads(row.params),
        policy=row.policy,
        concurrency=row.concurrency,
        cpu_seconds=seconds(work, run_id),
        outputs=result.get("outputs", {}),
        problems=tuple(result.get("problems", ())),
        jobs={name: job["status"] for name, job in result.get("jobs", {}).items()},
        waits=waits(work, run_id),
    )


class PastRuns:
    """The documents of past runs, the latest first: a policy that is proposed is tried on them."""

    def page(self, work: Reading, caller: Caller, tenant: str, ask: Ask) -> Page[Document]:
        """Return documents, by the ids of their runs. Raises NotFoundError."""
        scope = enter(work, caller, Action.RUNS_READ, tenant)
        columns = (RUNS.c.id, RUNS.c.created, RUNS.c.document)
        wanted = scope.select(RUNS, *columns)
        return fetch(
            work, wanted, _RUNS, ask, lambda it: Document(it.id, it.document, accepted=True)
        )


def _rows(scope: Scope, *more: Any) -> sa.Select[Any]:
    """Return a statement over a tenant's runs, with the queue beside them; runs from a command line are nobody's."""
    joined = RUNS.outerjoin(QUEUE, QUEUE.c.run == RUNS.c.id)
    wanted = scope.select(RUNS, *_LIGHT, *more).select_from(joined)
    return wanted.where(RUNS.c.tenant.is_not(None))


def _in_state(state: State) -> Sequence[sa.ColumnElement[bool]]:
    waits = RUNS.c.status == Status.WAIT.value
    if state is State.ENDED:
        return [~waits, RUNS.c.settled == 1]
    if state is State.RUNNING:
        return [waits & (QUEUE.c.state == Queued.RUNNING) | ~waits & (RUNS.c.settled == 0)]
    if state is State.QUEUED:
        return [waits, QUEUE.c.state.in_(_WAITING)]
    return [waits, QUEUE.c.state.not_in((*_WAITING, Queued.RUNNING)) | QUEUE.c.state.is_(None)]


def _row(row: Any) -> RunRow:
    status = Status(row.status)
    state = State.WAITING
    if status is not Status.WAIT:
        # What follows from its end is about to be done: until then it is not quite over.
        state = State.ENDED if row.settled else State.RUNNING
    elif row.queued in _WAITING:
        state = State.QUEUED
    elif row.queued == Queued.RUNNING:
        state = State.RUNNING
    return RunRow(
        id=row.id,
        tenant=row.tenant,
        workflow=row.workflow,
        version=row.version,
        state=state,
        status=status,
        origin=row.origin,
        priority=row.priority,
        author=row.author,
        created=row.created,
        ended=row.ended,
    )
