"""A run that has begun: wait for it, or stop it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from blockyard_platform.results import RunResult
from blockyard_schemas.problems import InvalidDocumentError
from blockyard_schemas.statuses import Code, Status

if TYPE_CHECKING:
    from typing import TypeAlias

    from blockyard_platform.engine.house import House
    from blockyard_platform.engine.observers import Observers
    from blockyard_platform.engine.run import Kinds, Run
    from blockyard_platform.plan import Plan
    from blockyard_platform.tickets import NewRun, ResumedRun
    from blockyard_schemas.problems import Problem

    Ticket: TypeAlias = NewRun | ResumedRun


class RunHandle:
    """One run in a task of its own, from reading the document to the result."""

    def __init__(
        self, house: House, ticket: Ticket, observers: Observers, kinds: Kinds | None = None
    ) -> None:
        """Begin; an event loop must be running. ``kinds`` take the place of those that stages have."""
        self.run_id = ticket.run_id
        self._house = house
        self._ticket = ticket
        self._observers = observers
        self._kinds = kinds
        self._run: Run | None = None
        self._document: dict[str, Any] = {}
        self._cancelled = False
        self._task = asyncio.ensure_future(self._serve())

    def cancel(self) -> None:
        """Stop what runs, at once; the result then has the status CANCEL."""
        self._cancelled = True
        if self._run is not None:
            self._run.stop(Code.KILLED_MANUALLY, "the run was cancelled")
        else:
            self._task.cancel()

    async def result(self) -> RunResult:
        """Wait for the end. When the waiting task is cancelled, so is the run."""
        try:
            return await asyncio.shield(self._task)
        except asyncio.CancelledError:
            if self._cancelled and self._task.cancelled():
                return RunResult(None, None, Status.CANCEL)
            self.cancel()
            await asyncio.wait([self._task])
            raise

    async def _serve(self) -> RunResult:
        plan, values, problems = await self._admit()
        if plan is None or problems:
            name = None if plan is None else plan.name
            return RunResult(None, name, Status.FAILED, problems=problems)
        if plan.needs_guest:
            self._house.warm()
        return await self._execute(plan, values)

    async def _admit(self) -> tuple[Plan | None, dict[str, Any], tuple[Problem, ...]]:
        from blockyard_platform.glance import needs_guest
        from blockyard_platform.loading import load_document

        house, ticket = self._house, self._ticket
        most = house.document_bytes
        try:
            source = load_document(ticket.document, most)
        except InvalidDocumentError as error:
            return None, {}, error.problems
        if needs_guest(source.data):
            house.warm()
            await asyncio.sleep(0)  # its process starts, while the document is checked here
        from blockyard_platform.admission import admit
        from blockyard_platform.params import bind

        admission = admit(source, house.policy, house.catalog, house.workflows)
        if admission.plan is None:
            return None, {}, admission.problems
        values, problems = bind(admission.plan.params, ticket.params, ticket.texts)
        self._document = source.data
        return admission.plan, values, problems

    async def _execute(self, plan: Plan, params: dict[str, Any]) -> RunResult:
        from blockyard_platform.engine.interpreter import execute
        from blockyard_platform.engine.jobs import run_jobs
        from blockyard_platform.engine.kinds import KINDS
        from blockyard_platform.engine.run import Engine, Run
        from blockyard_platform.engine.stages import run_stages

        try:
            journal, past = self._ticket.open(plan, self._document, params)
        except InvalidDocumentError as error:
            return RunResult(None, plan.name, Status.FAILED, problems=error.problems)
        run = Run(
            self.run_id,
            plan,
            params,
            self._house,
            journal,
            self._observers,
            Engine(run_stages, run_jobs, self._kinds or KINDS),
            self._task,
            past,
        )
        self._run = run
        seconds = min(self._house.policy.run.wall_seconds, plan.timeout or float("inf"))
        return await execute(run, seconds)
