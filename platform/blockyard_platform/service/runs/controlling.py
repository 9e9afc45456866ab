"""What people do to runs: cancel, answer, do again, delete. Each is one transaction, noted in the audit log."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from blockyard_platform.params import bind
from blockyard_platform.service.dispatch import runs as queue
from blockyard_platform.service.dispatch.port import State as Queued
from blockyard_platform.service.dispatch.tables import QUEUE
from blockyard_platform.service.registry import usage
from blockyard_platform.service.registry.access import enter
from blockyard_platform.service.registry.callers import Action, Caller
from blockyard_platform.service.registry.errors import (
    ConflictError,
    ForbiddenError,
    InvalidError,
    NotFoundError,
)
from blockyard_platform.service.runs import parking
from blockyard_platform.service.runs.details import known
from blockyard_platform.service.runs.orders import Order, RefusedError
from blockyard_platform.service.runs.pace import take_turn
from blockyard_platform.service.runs.settling import end
from blockyard_platform.service.runs.submitting import Candidate
from blockyard_platform.service.runs.tables import EVENTS, WAITS
from blockyard_platform.store.changes import begin_again
from blockyard_platform.store.tables import RUNS
from blockyard_platform.tickets import records_after
from blockyard_platform.waits import Answer, check_answer
from blockyard_schemas.problems import InvalidDocumentError
from blockyard_schemas.statuses import Status

if TYPE_CHECKING:
    from collections.abc import Mapping

    from blockyard_platform.service.admitting import Admitted, Admitting
    from blockyard_platform.service.registry.database import Database, Reading, Writing
    from blockyard_platform.service.runs.backlog import Backlog
    from blockyard_platform.service.runs.settling import Settler
    from blockyard_platform.service.runs.submitting import Hold
    from blockyard_platform.service.signals import Signals


class Controlling:
    """Changes runs that are there."""

    def __init__(
        self,
        database: Database,
        admitting: Admitting,
        settler: Settler,
        signals: Signals,
        backlog: Backlog,
    ) -> None:
        """Change nothing yet."""
        self._backlog = backlog
        self._database = database
        self._admitting = admitting
        self._settler = settler
        self._signals = signals

    def cancel(self, caller: Caller, tenant: str, run_id: str, reason: str = "") -> None:
        """Cancel a run: one at work is told, any other ends at once; one that has ended stays as it is. Raises NotFoundError."""
        with self._database.writing() as work:
            row = _owned(work, caller, tenant, run_id)
            if row.status != Status.WAIT.value:
                return
            if row.concurrency is not None:
                enter(work, caller, Action.RUNS_CONTROL, tenant).lock(work)
            self._stop(work, run_id)
            work.note(caller, tenant, "runs.cancel", f"run/{run_id}", reason=reason[:200])

    def cancel_all(self, work: Writing, run_ids: tuple[str, ...]) -> None:
        """Cancel runs within a transaction, for what has looked at whose they are: a switch, or a group."""
        for run_id in run_ids:
            self._stop(work, run_id)

    def answer(self, caller: Caller, tenant: str, run_id: str, path: str, answer: Answer) -> None:
        """Answer an approval for which a run waits, once. Raises NotFoundError, ForbiddenError, ConflictError, InvalidDocumentError for values that the form does not allow."""
        with self._database.writing() as work:
            _owned(work, caller, tenant, run_id)
            mine = (WAITS.c.run == run_id, WAITS.c.path == path, WAITS.c.kind == "approval")
            row: Any = work.connection.execute(sa.select(WAITS).where(*mine)).first()
            if row is None:
                raise NotFoundError("approval", path)
            asked = parking.asked(row)
            if asked.approvers and caller.names.isdisjoint(asked.approvers):
                who = ", ".join(asked.approvers)
                hint = f"these may, by role or by their token's label or id: {who}"
                raise ForbiddenError("you are not among those who may answer", hint)
            check_answer(asked, answer)
            given = asdict(replace(answer, by=caller.who, at=work.now))
            statement = sa.update(WAITS).where(*mine, WAITS.c.answer.is_(None))
            if not work.change(statement.values(answer=json.dumps(given))):
                raise ConflictError("this approval was answered before", "look at the run")
            parking.wake(work, run_id)
            self._signals.publish(work.connection, parking.ANSWERED, run_id)
            details = {"path": path[:200], "approved": answer.approved}
            work.note(caller, tenant, "runs.answer", f"run/{run_id}", **details)

    def resume(
        self,
        caller: Caller,
        tenant: str,
        run_id: str,
        hold: Hold,
        *,
        params: Mapping[str, Any] | None = None,
        start: str | None = None,
        reset: bool = False,
    ) -> None:
        """Do a run that has ended again: from what failed, from the stage ``start``, or (``reset``) all; with some other params.

        ``hold`` is asked as for a new run: its concurrency group may be full by now.

        Raises NotFoundError, InvalidError for a stage and ``reset`` together, ConflictError for one that has not ended, RefusedError, QuotaError.
        """
        if reset and start is not None:
            raise InvalidError(
                "a run is done again from a stage, or as a whole", "give one of the two"
            )
        with self._database.reading() as work:
            enter(work, caller, Action.RUNS_SUBMIT, tenant)
            row = _owned(work, caller, tenant, run_id)
        values = json.loads(row.params) | dict(params or {})
        name = row.workflow if row.version is not None else None
        admitted = self._admitting.admit(
            caller, tenant, row.document, Action.RUNS_SUBMIT, name=name, run_id=run_id
        )
        if admitted.plan is None:
            raise RefusedError(admitted.problems)
        bound, problems = bind(admitted.plan.params, values, {})
        if problems:
            raise RefusedError(problems)
        with self._database.writing() as work:
            row = _owned(work, caller, tenant, run_id, lock=True)
            if row.status == Status.WAIT.value or not row.settled:
                raise ConflictError("the run has not ended", "cancel it first, or wait for its end")
            # It waits, and is counted, like a run that comes in.
            rules = admitted.rules.policy.service
            self._backlog.check(work, tenant, rules.queue)
            take_turn(work, tenant, rules.rate_per_minute)
            drop: list[str] | None = None
            if not reset:
                drop = [] if start is None else _after(work, admitted.plan, run_id, start)
            begin_again(work.connection, run_id, bound, drop)
            if not hold(work, _candidate(row, admitted, bound)):
                again = queue.Submission(run_id, tenant, row.priority, again=True)
                queue.add(work.connection, [again])
            # Last, as when it came in.
            usage.take_runs(work, caller, tenant)
            work.note(caller, tenant, "runs.resume", f"run/{run_id}", start=start, reset=reset)

    def delete(self, caller: Caller, tenant: str, run_id: str) -> None:
        """Delete a run that has ended, with all that is known of it. Raises NotFoundError, ConflictError."""
        with self._database.writing() as work:
            row = _owned(work, caller, tenant, run_id, lock=True)
            if row.status == Status.WAIT.value or not row.settled:
                raise ConflictError("the run has not ended", "cancel it first, or wait for its end")
            work.change(sa.delete(EVENTS).where(EVENTS.c.run == run_id))
            # Its worker may be about to note there that it has ended: it finds nothing to note then.
            work.change(sa.delete(QUEUE).where(QUEUE.c.run == run_id))
            work.change(sa.delete(RUNS).where(RUNS.c.id == run_id))
            usage.keep_bytes(work, Caller.service(tenant), tenant, -row.stored)
            work.note(caller, tenant, "runs.delete", f"run/{run_id}", workflow=row.workflow)

    def _stop(self, work: Writing, run_id: str) -> None:
        """Cancel a run: whoever has it is told; where nobody has, its end is written here."""
        if queue.cancel(work.connection, run_id) is Queued.RUNNING:
            return
        if end(work, run_id, Status.CANCEL):
            self._settler.settle(work, run_id)


def _owned(work: Reading, caller: Caller, tenant: str, run_id: str, *, lock: bool = False) -> Any:
    """Return the row of a tenant's run, for who may control runs; with ``lock`` as nobody else can change it any more. Raises NotFoundError."""
    scope = enter(work, caller, Action.RUNS_CONTROL, tenant)
    wanted = scope.select(RUNS).where(RUNS.c.id == known(run_id))
    row = work.connection.execute(wanted.with_for_update() if lock else wanted).first()
    if row is None:
        raise NotFoundError("run", run_id)
    return row


def _candidate(row: Any, admitted: Admitted, params: dict[str, Any]) -> Candidate:
    order = Order(row.tenant, document=row.document, priority=row.priority, origin=row.origin)
    return Candidate(row.id, order, row.workflow, row.version, admitted, params)


def _after(work: Reading, plan: Any, run_id: str, start: str) -> list[str]:
    from blockyard_platform.store.changes import paths_of

    try:
        return records_after(plan, paths_of(work.connection, run_id), run_id, start)
    except InvalidDocumentError as error:
        raise InvalidError(error.problems[0].message, error.problems[0].hint) from error
