"""Runs come in: admitted, counted, written and queued; the last three in one transaction, so that none is lost and none is doubled."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from blockyard_platform.params import bind
from blockyard_platform.service.dispatch import runs as queue
from blockyard_platform.service.registry import submissions, usage
from blockyard_platform.service.registry.access import enter
from blockyard_platform.service.registry.callers import Action
from blockyard_platform.service.registry.submissions import find
from blockyard_platform.service.runs.orders import Accepted, RefusedError
from blockyard_platform.service.runs.pace import take_turn
from blockyard_platform.store.rows import dumped, fingerprint
from blockyard_platform.store.tables import RUNS
from blockyard_schemas.statuses import Status

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeAlias

    from blockyard_platform.service.admitting import Admitted, Admitting
    from blockyard_platform.service.registry.callers import Caller
    from blockyard_platform.service.registry.database import Database, Writing
    from blockyard_platform.service.runs.backlog import Backlog
    from blockyard_platform.service.runs.orders import Order

    Hold: TypeAlias = Callable[["Writing", "Candidate"], bool]
    Cancel: TypeAlias = Callable[["Writing", tuple[str, ...]], None]


@dataclass(frozen=True, slots=True)
class Candidate:
    """A run that is about to be accepted."""

    run_id: str
    order: Order
    workflow: str
    version: int | None
    admitted: Admitted
    params: dict[str, Any]
    concurrency: str | None = None


def never(work: Writing, candidate: Candidate) -> bool:
    """Keep no run back."""
    del work, candidate
    return False


class Submitting:
    """Takes runs in. ``hold`` is asked within the transaction whether a run is kept back, until somebody queues it."""

    def __init__(
        self,
        database: Database,
        admitting: Admitting,
        backlog: Backlog,
        hold: Hold,
    ) -> None:
        """Take nothing yet."""
        self._database = database
        self._admitting = admitting
        self._backlog = backlog
        self._hold = hold

    def submit(self, caller: Caller, order: Order) -> Accepted:
        """Accept a run for good. Raises RefusedError, and what the registry raises: see the module ``registry.errors``."""
        known = self._known(caller, order)
        if known is not None:
            return known
        candidate = self._candidate(caller, order)
        rules = candidate.admitted.rules.policy.service
        with self._database.writing() as work:
            enter(work, caller, Action.RUNS_SUBMIT, order.tenant)
            if order.key is not None:
                found = submissions.claim(
                    work, caller, order.tenant, order.key, order.digest(), candidate.run_id
                )
                if not found.new:
                    return Accepted(found.run, new=False)
            self._backlog.check(work, order.tenant, rules.queue)
            take_turn(work, order.tenant, rules.rate_per_minute)
            self._write(work, caller, candidate)
            # Last: runs that this one takes the place of are settled above, which counts what is stored before what is used.
            usage.take_runs(work, caller, order.tenant)
        return Accepted(candidate.run_id, new=True)

    def _known(self, caller: Caller, order: Order) -> Accepted | None:
        """Return the run of a key that was sent before: it is answered alike, whatever has changed since."""
        if order.key is None:
            return None
        with self._database.reading() as work:
            found = find(work, caller, order.tenant, order.key, order.digest())
        return None if found is None else Accepted(found, new=False)

    def _candidate(self, caller: Caller, order: Order) -> Candidate:
        submit = Action.RUNS_SUBMIT
        name, version = order.workflow, None
        if name is not None:
            stored, admitted = self._admitting.admit_stored(
                caller, order.tenant, name, order.version, submit
            )
            version = stored.version
        else:
            text = order.document or ""
            admitted = self._admitting.admit(caller, order.tenant, text, submit)
        plan = admitted.plan
        if plan is None:
            raise RefusedError(admitted.problems)
        params, problems = bind(plan.params, dict(order.params), {})
        if problems:
            raise RefusedError(problems)
        run_id = str(uuid.uuid4())
        return Candidate(run_id, order, name or plan.name, version, admitted, params)

    def _write(self, work: Writing, caller: Caller, it: Candidate) -> None:
        row = {
            "id": it.run_id,
            "workflow": it.workflow,
            "document": it.admitted.document,
            "params": dumped(it.params),
            "fingerprint": fingerprint(it.params),
            "status": Status.WAIT.value,
            "epoch": 0,
            "created": work.now,
            "tenant": it.order.tenant,
            "version": it.version,
            "policy": it.admitted.rules.version,
            "origin": it.order.origin,
            "concurrency": it.concurrency,
            "priority": it.order.priority,
            "depth": it.order.depth,
            "author": caller.who,
            "trace": it.order.trace,
            "settled": 0,
        }
        work.connection.execute(sa.insert(RUNS), row)
        if not self._hold(work, it):
            submission = queue.Submission(
                it.run_id, it.order.tenant, it.order.priority, again=False
            )
            queue.add(work.connection, [submission])
